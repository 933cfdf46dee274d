// The training step of src/AutoResearch.Pretraining as plain C loops in the manner of llm.c: one function per layer and
// direction, OpenMP over rows, everything else left to the compiler. The attention matrix is stored.
//
//     cc -O3 -march=native -ffast-math -fopenmp gpt.c -lm -o gpt
//     ./gpt serve        one request a line on stdin, "<case> <integers> <threads> <seconds>"; answers the seconds of one call
//     ./gpt check DIR    the losses of a few steps from the weights and tokens in DIR
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 8 // rows of the input that share one pass over the weights

static float *zeros(size_t count)
{
    float *p = calloc(count ? count : 1, sizeof(float));
    if (!p) exit(3);
    return p;
}

// ---------------------------------------------------------------- layers

// y[rows, out] = x[rows, in] w[out, in]^T + residual
static void linear_forward(float *y, const float *x, const float *w, const float *residual, int rows, int in, int out)
{
#pragma omp parallel for
    for (int r0 = 0; r0 < rows; r0 += ROWS) {
        int count = rows - r0 < ROWS ? rows - r0 : ROWS;
        for (int o = 0; o < out; o++) {
            float sum[ROWS] = {0};
            const float *wo = w + (size_t)o * in;
            if (count == ROWS) {
                for (int i = 0; i < in; i++)
                    for (int r = 0; r < ROWS; r++) sum[r] += x[(size_t)(r0 + r) * in + i] * wo[i];
            } else {
                for (int r = 0; r < count; r++)
                    for (int i = 0; i < in; i++) sum[r] += x[(size_t)(r0 + r) * in + i] * wo[i];
            }
            for (int r = 0; r < count; r++) {
                size_t at = (size_t)(r0 + r) * out + o;
                y[at] = sum[r] + (residual ? residual[at] : 0);
            }
        }
    }
}

// dx += dy w (dx may be null), dw += dy^T x
static void linear_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, int rows, int in, int out)
{
    if (dx) {
#pragma omp parallel for
        for (int r = 0; r < rows; r++)
            for (int o = 0; o < out; o++) {
                float d = dy[(size_t)r * out + o];
                for (int i = 0; i < in; i++) dx[(size_t)r * in + i] += d * w[(size_t)o * in + i];
            }
    }
#pragma omp parallel for
    for (int o = 0; o < out; o++)
        for (int r = 0; r < rows; r++) {
            float d = dy[(size_t)r * out + o];
            for (int i = 0; i < in; i++) dw[(size_t)o * in + i] += d * x[(size_t)r * in + i];
        }
}

static void norm_row(float *y, float *inverse, const float *x, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    float s = 1 / sqrtf(sum / n + 1.1920929e-07f);
    for (int i = 0; i < n; i++) y[i] = x[i] * s;
    *inverse = s;
}

// dx = or += the gradient through the norm
static void norm_row_backward(float *dx, const float *dy, const float *y, float inverse, int n, int add)
{
    float dot = 0;
    for (int i = 0; i < n; i++) dot += dy[i] * y[i];
    dot /= n;
    for (int i = 0; i < n; i++) dx[i] = (add ? dx[i] : 0) + inverse * (dy[i] - y[i] * dot);
}

// qkv rows hold query, key and value heads; att is [batch, heads, T, T]; a query sees the `window` keys before its own.
static void attention_forward(float *y, float *att, const float *qkv, int B, int T, int H, int KV, int D, int window)
{
    int C = (H + 2 * KV) * D;
    float scale = 1 / sqrtf(D);
#pragma omp parallel for collapse(3)
    for (int b = 0; b < B; b++)
        for (int h = 0; h < H; h++)
            for (int t = 0; t < T; t++) {
                const float *q = qkv + (size_t)(b * T + t) * C + h * D, *keys = qkv + (size_t)b * T * C + (H + h * KV / H) * D;
                float *a = att + ((size_t)(b * H + h) * T + t) * T, *out = y + ((size_t)(b * T + t) * H + h) * D;
                int first = t > window ? t - window : 0;
                float max = -INFINITY, sum = 0;
                for (int s = first; s <= t; s++) {
                    float dot = 0;
                    for (int i = 0; i < D; i++) dot += q[i] * keys[(size_t)s * C + i];
                    a[s] = dot * scale;
                    if (a[s] > max) max = a[s];
                }
                for (int s = first; s <= t; s++) sum += a[s] = expf(a[s] - max);
                for (int i = 0; i < D; i++) out[i] = 0;
                for (int s = first; s <= t; s++) {
                    a[s] /= sum;
                    for (int i = 0; i < D; i++) out[i] += a[s] * keys[(size_t)s * C + KV * D + i];
                }
            }
}

// dqkv is overwritten; query heads that share a key head stay on one thread.
static void attention_backward(float *dqkv, const float *dy, const float *att, const float *qkv, int B, int T, int H, int KV,
    int D, int window)
{
    int C = (H + 2 * KV) * D;
    float scale = 1 / sqrtf(D);
    memset(dqkv, 0, (size_t)B * T * C * sizeof(float));
#pragma omp parallel for collapse(2)
    for (int b = 0; b < B; b++)
        for (int g = 0; g < KV; g++) {
            float *da = malloc(T * sizeof(float));
            for (int h = g * (H / KV); h < (g + 1) * (H / KV); h++)
                for (int t = 0; t < T; t++) {
                    size_t row = (size_t)(b * T + t) * C + h * D, key = (size_t)b * T * C + (H + g) * D;
                    const float *a = att + ((size_t)(b * H + h) * T + t) * T, *dout = dy + ((size_t)(b * T + t) * H + h) * D;
                    int first = t > window ? t - window : 0;
                    float dot = 0;
                    for (int s = first; s <= t; s++) {
                        float sum = 0;
                        const float *v = qkv + key + (size_t)s * C + KV * D;
                        float *dv = dqkv + key + (size_t)s * C + KV * D;
                        for (int i = 0; i < D; i++) {
                            sum += dout[i] * v[i];
                            dv[i] += a[s] * dout[i];
                        }
                        da[s] = sum;
                        dot += sum * a[s];
                    }
                    for (int s = first; s <= t; s++) {
                        float d = a[s] * (da[s] - dot) * scale;
                        for (int i = 0; i < D; i++) {
                            dqkv[row + i] += d * qkv[key + (size_t)s * C + i];
                            dqkv[key + (size_t)s * C + i] += d * qkv[row + i];
                        }
                    }
                }
            free(da);
        }
}

static void rotary_row(float *x, const float *table, int D, float sign)
{
    int half = D / 2;
    for (int i = 0; i < half; i++) {
        float a = x[i], b = x[half + i], cos = table[i], sin = sign * table[half + i];
        x[i] = a * cos + b * sin;
        x[half + i] = b * cos - a * sin;
    }
}

static void rotary_norm(float *qkv, float *inverse, const float *table, int B, int T, int heads, int D, int C)
{
#pragma omp parallel for
    for (int r = 0; r < B * T; r++)
        for (int h = 0; h < heads; h++) {
            float *x = qkv + (size_t)r * C + h * D;
            rotary_row(x, table + (size_t)(r % T) * D, D, 1);
            norm_row(x, inverse + (size_t)r * heads + h, x, D);
        }
}

static void rotary_norm_backward(float *d, const float *qkv, const float *inverse, const float *table, int B, int T, int heads,
    int D, int C)
{
#pragma omp parallel for
    for (int r = 0; r < B * T; r++)
        for (int h = 0; h < heads; h++) {
            size_t at = (size_t)r * C + h * D;
            norm_row_backward(d + at, d + at, qkv + at, inverse[(size_t)r * heads + h], D, 0);
            rotary_row(d + at, table + (size_t)(r % T) * D, D, -1);
        }
}

// Output layer, bounded logits, mean cross-entropy; leaves the gradient of the logits before the bound in `logits`.
static float loss_forward_backward(float *logits, float *dx, float *dw, const float *x, const float *w, const int *targets,
    int rows, int dim, int vocabulary)
{
    const float cap = 15;
    double total = 0;
    linear_forward(logits, x, w, NULL, rows, dim, vocabulary);
#pragma omp parallel for reduction(+ : total)
    for (int r = 0; r < rows; r++) {
        float *l = logits + (size_t)r * vocabulary, max = -INFINITY, sum = 0;
        for (int v = 0; v < vocabulary; v++) {
            l[v] = cap * tanhf(l[v] / cap);
            if (l[v] > max) max = l[v];
        }
        for (int v = 0; v < vocabulary; v++) sum += expf(l[v] - max);
        total += max + logf(sum) - l[targets[r]];
        for (int v = 0; v < vocabulary; v++) {
            float p = expf(l[v] - max) / sum, t = l[v] / cap;
            l[v] = (p - (v == targets[r])) * (1 - t * t) / rows;
        }
    }
    memset(dx, 0, (size_t)rows * dim * sizeof(float));
    linear_backward(dx, dw, logits, x, w, rows, dim, vocabulary);
    return (float)(total / rows);
}

// ---------------------------------------------------------------- model

typedef struct {
    int depth, dim, heads, kv, T, B, vocabulary, window, gate;
    const char *pattern;
} Config;

typedef struct {
    float *p, *g;   // weight and gradient
    float *m, *v;   // state of the optimizer
    int rows, cols, muon;
    float rate, beta1;
} Parameter;

typedef struct {
    Parameter qkv[3], out, fc, proj, table, gate_w;
    float *x, *x1, *h, *inv_h, *z, *inv_z, *gate, *att, *y, *x2, *n, *inv_n, *hidden;
    int window, has_table;
} Layer;

typedef struct {
    Config c;
    Parameter wte, head, resid, lambda0;
    Layer *layers;
    Parameter **all;
    int count, step;
    float *rotary, *x0, *inv_x0, *last, *final, *inv_final, *logits;
    float *dx, *dx0, *dn, *dz, *dhidden; // gradients, reused by all layers
} Model;

static unsigned long long seed = 1;
static float uniform(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (float)((seed >> 40) / 8388608.0 - 1);
}

static void parameter(Model *m, Parameter *p, int rows, int cols, int muon, float rate, float beta1, float bound)
{
    size_t n = (size_t)rows * cols;
    *p = (Parameter){zeros(n), zeros(n), zeros(n), zeros(muon ? (size_t)(rows > cols ? rows : cols) : n), rows, cols, muon, rate,
        beta1};
    for (size_t i = 0; i < n; i++) p->p[i] = bound * uniform();
    m->all[m->count++] = p;
}

static Model *create(Config c)
{
    Model *m = calloc(1, sizeof(Model));
    int D = c.dim / c.heads, KV = c.kv * D, Z = c.dim + 2 * KV, R = c.B * c.T;
    float scale = powf(c.dim / 768.0f, -0.5f), bound = sqrtf(3.0f / c.dim);
    m->c = c;
    m->all = calloc(4 + 8 * c.depth, sizeof(*m->all));
    parameter(m, &m->wte, c.vocabulary, c.dim, 0, 0.6f * scale, 0.8f, 1);
    parameter(m, &m->head, c.vocabulary, c.dim, 0, 0.004f * scale, 0.8f, 0.001f);
    parameter(m, &m->resid, 1, c.depth, 0, 0.005f, 0.8f, 0);
    parameter(m, &m->lambda0, 1, c.depth, 0, 0.5f, 0.96f, 0);
    m->layers = calloc(c.depth, sizeof(Layer));
    for (int i = 0; i < c.depth; i++) {
        Layer *l = m->layers + i;
        m->resid.p[i] = 1, m->lambda0.p[i] = 0.1f;
        l->has_table = i % 2 == (c.depth - 1) % 2;
        l->window = i == c.depth - 1 || c.pattern[i % strlen(c.pattern)] == 'L' ? c.T : c.window;
        parameter(m, &l->qkv[0], c.dim, c.dim, 1, 0.04f, 0, bound);
        parameter(m, &l->qkv[1], KV, c.dim, 1, 0.04f, 0, bound);
        parameter(m, &l->qkv[2], KV, c.dim, 1, 0.04f, 0, bound);
        parameter(m, &l->out, c.dim, c.dim, 1, 0.04f, 0, 0);
        parameter(m, &l->fc, 4 * c.dim, c.dim, 1, 0.04f, 0, bound);
        parameter(m, &l->proj, c.dim, 4 * c.dim, 1, 0.04f, 0, 0);
        if (l->has_table) {
            parameter(m, &l->table, c.vocabulary, KV, 0, 0.6f * scale, 0.8f, bound);
            parameter(m, &l->gate_w, c.kv, c.gate, 1, 0.04f, 0, 0);
        }
        size_t X = (size_t)R * c.dim;
        l->x = zeros(X), l->x1 = zeros(X), l->h = zeros(X), l->inv_h = zeros(R), l->z = zeros((size_t)R * Z);
        l->inv_z = zeros((size_t)R * (c.heads + c.kv)), l->gate = zeros((size_t)R * c.kv);
        l->att = zeros((size_t)c.B * c.heads * c.T * c.T);
        l->y = zeros(X), l->x2 = zeros(X), l->n = zeros(X), l->inv_n = zeros(R), l->hidden = zeros(4 * X);
    }
    size_t X = (size_t)R * c.dim;
    m->x0 = zeros(X), m->inv_x0 = zeros(R), m->last = zeros(X), m->final = zeros(X), m->inv_final = zeros(R);
    m->logits = zeros((size_t)R * c.vocabulary);
    m->dx = zeros(X), m->dx0 = zeros(X), m->dn = zeros(X), m->dz = zeros((size_t)R * Z), m->dhidden = zeros(4 * X);
    m->rotary = zeros((size_t)c.T * D);
    for (int t = 0; t < c.T; t++)
        for (int i = 0; i < D / 2; i++) {
            double angle = t * pow(10000, -2.0 * i / D);
            m->rotary[(size_t)t * D + i] = (float)cos(angle), m->rotary[(size_t)t * D + D / 2 + i] = (float)sin(angle);
        }
    return m;
}

static void copy_columns(float *z, const float *part, int rows, int Z, int first, int count, int back)
{
#pragma omp parallel for
    for (int r = 0; r < rows; r++) {
        float *a = z + (size_t)r * Z + first, *b = (float *)part + (size_t)r * count;
        if (back) memcpy(b, a, count * sizeof(float));
        else memcpy(a, b, count * sizeof(float));
    }
}

static void layer_forward(Model *m, int i, const int *tokens)
{
    Config c = m->c;
    Layer *l = m->layers + i;
    int D = c.dim / c.heads, KV = c.kv * D, Z = c.dim + 2 * KV, R = c.B * c.T;
    float a = m->resid.p[i], b = m->lambda0.p[i];
    float *next = i + 1 < c.depth ? l[1].x : m->last;
#pragma omp parallel for
    for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * c.dim;
        for (int j = 0; j < c.dim; j++) l->x1[at + j] = a * l->x[at + j] + b * m->x0[at + j];
        norm_row(l->h + at, l->inv_h + r, l->x1 + at, c.dim);
    }
    int first[3] = {0, c.dim, c.dim + KV}, width[3] = {c.dim, KV, KV};
    for (int part = 0; part < 3; part++) {
        linear_forward(m->dn, l->h, l->qkv[part].p, NULL, R, c.dim, width[part]);
        copy_columns(l->z, m->dn, R, Z, first[part], width[part], 0);
    }
    if (l->has_table) {
#pragma omp parallel for
        for (int r = 0; r < R; r++)
            for (int h = 0; h < c.kv; h++) {
                float dot = 0;
                for (int j = 0; j < c.gate; j++) dot += l->h[(size_t)r * c.dim + j] * l->gate_w.p[h * c.gate + j];
                float gate = l->gate[(size_t)r * c.kv + h] = 2 / (1 + expf(-dot));
                for (int j = 0; j < D; j++)
                    l->z[(size_t)r * Z + c.dim + KV + h * D + j] += gate * l->table.p[(size_t)tokens[r] * KV + h * D + j];
            }
    }
    rotary_norm(l->z, l->inv_z, m->rotary, c.B, c.T, c.heads + c.kv, D, Z);
    attention_forward(l->y, l->att, l->z, c.B, c.T, c.heads, c.kv, D, l->window);
    linear_forward(l->x2, l->y, l->out.p, l->x1, R, c.dim, c.dim);
#pragma omp parallel for
    for (int r = 0; r < R; r++) norm_row(l->n + (size_t)r * c.dim, l->inv_n + r, l->x2 + (size_t)r * c.dim, c.dim);
    linear_forward(l->hidden, l->n, l->fc.p, NULL, R, c.dim, 4 * c.dim);
#pragma omp parallel for
    for (size_t j = 0; j < (size_t)R * 4 * c.dim; j++) l->hidden[j] = l->hidden[j] > 0 ? l->hidden[j] * l->hidden[j] : 0;
    linear_forward(next, l->hidden, l->proj.p, l->x2, R, 4 * c.dim, c.dim);
}

// m->dx: the gradient of the layer's output on entry, of its input on return.
static void layer_backward(Model *m, int i, const int *tokens)
{
    Config c = m->c;
    Layer *l = m->layers + i;
    int D = c.dim / c.heads, KV = c.kv * D, Z = c.dim + 2 * KV, R = c.B * c.T;
    size_t X = (size_t)R * c.dim;
    memset(m->dhidden, 0, 4 * X * sizeof(float));
    linear_backward(m->dhidden, l->proj.g, m->dx, l->hidden, l->proj.p, R, 4 * c.dim, c.dim);
#pragma omp parallel for
    for (size_t j = 0; j < 4 * X; j++) m->dhidden[j] *= 2 * sqrtf(l->hidden[j]);
    memset(m->dn, 0, X * sizeof(float));
    linear_backward(m->dn, l->fc.g, m->dhidden, l->n, l->fc.p, R, c.dim, 4 * c.dim);
#pragma omp parallel for
    for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * c.dim;
        norm_row_backward(m->dx + at, m->dn + at, l->n + at, l->inv_n[r], c.dim, 1);
    }
    memset(m->dn, 0, X * sizeof(float));
    linear_backward(m->dn, l->out.g, m->dx, l->y, l->out.p, R, c.dim, c.dim);
    attention_backward(m->dz, m->dn, l->att, l->z, c.B, c.T, c.heads, c.kv, D, l->window);
    rotary_norm_backward(m->dz, l->z, l->inv_z, m->rotary, c.B, c.T, c.heads + c.kv, D, Z);
    memset(m->dn, 0, X * sizeof(float));
    int first[3] = {0, c.dim, c.dim + KV}, width[3] = {c.dim, KV, KV};
    for (int part = 0; part < 3; part++) {
        copy_columns(m->dz, m->dhidden, R, Z, first[part], width[part], 1);
        linear_backward(m->dn, l->qkv[part].g, m->dhidden, l->h, l->qkv[part].p, R, c.dim, width[part]);
    }
    if (l->has_table) {
        for (int r = 0; r < R; r++)
            for (int h = 0; h < c.kv; h++) {
                const float *dv = m->dz + (size_t)r * Z + c.dim + KV + h * D;
                size_t entry = (size_t)tokens[r] * KV + h * D;
                float gate = l->gate[(size_t)r * c.kv + h], dot = 0;
                for (int j = 0; j < D; j++) {
                    dot += dv[j] * l->table.p[entry + j];
                    l->table.g[entry + j] += gate * dv[j];
                }
                dot *= gate * (1 - gate / 2);
                for (int j = 0; j < c.gate; j++) {
                    l->gate_w.g[h * c.gate + j] += dot * l->h[(size_t)r * c.dim + j];
                    m->dn[(size_t)r * c.dim + j] += dot * l->gate_w.p[h * c.gate + j];
                }
            }
    }
    float a = m->resid.p[i], b = m->lambda0.p[i], da = 0, db = 0;
#pragma omp parallel for reduction(+ : da, db)
    for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * c.dim;
        norm_row_backward(m->dx + at, m->dn + at, l->h + at, l->inv_h[r], c.dim, 1);
        for (int j = 0; j < c.dim; j++) {
            float d = m->dx[at + j];
            da += d * l->x[at + j], db += d * m->x0[at + j];
            m->dx0[at + j] += b * d, m->dx[at + j] = a * d;
        }
    }
    m->resid.g[i] += da, m->lambda0.g[i] += db;
}

static float forward_backward(Model *m, const int *tokens, const int *targets)
{
    Config c = m->c;
    int R = c.B * c.T;
    size_t X = (size_t)R * c.dim;
#pragma omp parallel for
    for (int r = 0; r < R; r++) norm_row(m->x0 + (size_t)r * c.dim, m->inv_x0 + r, m->wte.p + (size_t)tokens[r] * c.dim, c.dim);
    memcpy(m->layers[0].x, m->x0, X * sizeof(float));
    for (int i = 0; i < c.depth; i++) layer_forward(m, i, tokens);
#pragma omp parallel for
    for (int r = 0; r < R; r++) norm_row(m->final + (size_t)r * c.dim, m->inv_final + r, m->last + (size_t)r * c.dim, c.dim);
    float loss = loss_forward_backward(m->logits, m->dn, m->head.g, m->final, m->head.p, targets, R, c.dim, c.vocabulary);
#pragma omp parallel for
    for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * c.dim;
        norm_row_backward(m->dx + at, m->dn + at, m->final + at, m->inv_final[r], c.dim, 0);
    }
    memset(m->dx0, 0, X * sizeof(float));
    for (int i = c.depth; i-- > 0;) layer_backward(m, i, tokens);
    for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * c.dim;
        for (int j = 0; j < c.dim; j++) m->dx0[at + j] += m->dx[at + j];
        norm_row_backward(m->wte.g + (size_t)tokens[r] * c.dim, m->dx0 + at, m->x0 + at, m->inv_x0[r], c.dim, 1);
    }
    return loss;
}

// ---------------------------------------------------------------- optimizers

static float adam_epsilon = 1e-10f;

static void adamw(Parameter *p, float rate, int step)
{
    float bias1 = 1 - powf(p->beta1, step), bias2 = 1 - powf(0.95f, step);
#pragma omp parallel for
    for (size_t i = 0; i < (size_t)p->rows * p->cols; i++) {
        p->m[i] += (1 - p->beta1) * (p->g[i] - p->m[i]);
        p->v[i] += 0.05f * (p->g[i] * p->g[i] - p->v[i]);
        p->p[i] -= rate * p->rate / bias1 * p->m[i] / (sqrtf(p->v[i] / bias2) + adam_epsilon);
        p->g[i] = 0;
    }
}

// c = a b with a[m, k], b[k, n]
static void multiply(float *c, const float *a, const float *b, int m, int n, int k)
{
#pragma omp parallel for
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) c[(size_t)i * n + j] = 0;
        for (int l = 0; l < k; l++)
            for (int j = 0; j < n; j++) c[(size_t)i * n + j] += a[(size_t)i * k + l] * b[(size_t)l * n + j];
    }
}

static void muon(Parameter *p, float rate, float momentum, float decay)
{
    static const float polar[5][3] = {
        {8.156554524902461f, -22.48329292557795f, 15.878769915207462f},
        {4.042929935166739f, -2.808917465908714f, 0.5000178451051316f},
        {3.8916678022926607f, -2.772484153217685f, 0.5060648178503393f},
        {3.285753657755655f, -2.3681294933425376f, 0.46449024233003106f},
        {2.3465413258596377f, -1.7097828382687081f, 0.42323551169305323f}};
    int rows = p->rows, cols = p->cols, tall = rows > cols, side = tall ? cols : rows;
    size_t n = (size_t)rows * cols, square = (size_t)side * side;
    float *x = zeros(n), *next = zeros(n), *gram = zeros(square), *poly = zeros(square);
    double sum = 0;
#pragma omp parallel for reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        p->m[i] += (1 - momentum) * (p->g[i] - p->m[i]);
        x[i] = p->g[i] + momentum * (p->m[i] - p->g[i]);
        sum += (double)x[i] * x[i];
        p->g[i] = 0;
    }
    float scale = 1 / ((float)sqrt(sum) * 1.02f + 1e-6f);
    for (size_t i = 0; i < n; i++) x[i] *= scale;
    for (int step = 0; step < 5; step++) {
        float a = polar[step][0], b = polar[step][1], c = polar[step][2];
        if (tall) { // x^T x, as a weight gradient
            memset(gram, 0, square * sizeof(float));
            linear_backward(NULL, gram, x, x, NULL, rows, cols, cols);
        } else {
            linear_forward(gram, x, x, NULL, rows, cols, rows);
        }
        multiply(poly, gram, gram, side, side, side);
        for (size_t i = 0; i < square; i++) poly[i] = b * gram[i] + c * poly[i] + (i / side == i % side ? a : 0);
        if (tall) multiply(next, x, poly, rows, cols, cols);
        else multiply(next, poly, x, rows, cols, rows);
        float *t = x;
        x = next, next = t;
    }
    int kept = rows >= cols ? rows : cols, reduced = rows >= cols ? cols : rows;
    size_t ks = rows >= cols ? cols : 1, rs = rows >= cols ? 1 : cols;
    double norm = 0, scaled = 0;
    for (int i = 0; i < kept; i++) {
        double squares = 0;
        for (int j = 0; j < reduced; j++) squares += (double)x[i * ks + j * rs] * x[i * ks + j * rs];
        p->v[i] += 0.05f * ((float)(squares / reduced) - p->v[i]);
        norm += squares, scaled += squares / fmaxf(p->v[i], 1e-10f);
    }
    double ratio = sqrt(norm) / fmax(sqrt(scaled), 1e-10);
    rate *= p->rate * sqrtf(fmaxf(1, (float)rows / cols));
    for (int i = 0; i < kept; i++) {
        float s = (float)(ratio / sqrt(fmax(p->v[i], 1e-10)));
        for (int j = 0; j < reduced; j++) {
            size_t at = i * ks + j * rs;
            float update = x[at] * s;
            p->p[at] -= rate * (update + (update * p->p[at] >= 0 ? decay * p->p[at] : 0));
        }
    }
    free(x), free(next), free(gram), free(poly);
}

static void optimize(Model *m, float rate, float momentum, float decay)
{
    m->step++;
    for (int i = 0; i < m->count; i++) {
        if (m->all[i]->muon) muon(m->all[i], rate, momentum, decay);
        else adamw(m->all[i], rate, m->step);
    }
}

static void destroy(Model *m)
{
    for (int i = 0; i < m->count; i++) free(m->all[i]->p), free(m->all[i]->g), free(m->all[i]->m), free(m->all[i]->v);
    for (int i = 0; i < m->c.depth; i++) {
        Layer *l = m->layers + i;
        float *all[] = {l->x, l->x1, l->h, l->inv_h, l->z, l->inv_z, l->gate, l->att, l->y, l->x2, l->n, l->inv_n, l->hidden};
        for (size_t j = 0; j < sizeof(all) / sizeof(*all); j++) free(all[j]);
    }
    float *all[] = {m->rotary, m->x0, m->inv_x0, m->last, m->final, m->inv_final, m->logits, m->dx, m->dx0, m->dn, m->dz,
        m->dhidden};
    for (size_t j = 0; j < sizeof(all) / sizeof(*all); j++) free(all[j]);
    free(m->layers), free(m->all), free(m);
}

// ---------------------------------------------------------------- measuring and checking

static float *noise(size_t count)
{
    float *p = zeros(count);
    for (size_t i = 0; i < count; i++) p[i] = uniform();
    return p;
}

static int *classes(int count, int limit)
{
    int *p = malloc(count * sizeof(int));
    for (int i = 0; i < count; i++) p[i] = (int)((uniform() + 1) / 2 * limit) % limit;
    return p;
}

static double measure(const char *name, const int *n, double seconds)
{
    float *f[6] = {0};
    int *tokens = NULL, *targets = NULL, calls = 0;
    Model *m = NULL;
    enum { GEMM, FORWARD, BACKWARD, LOSS, OPTIMIZER, STEP } kind;
    if (!strcmp(name, "gemm")) {
        kind = GEMM;
        f[0] = noise((size_t)n[0] * n[1]), f[1] = noise((size_t)n[0] * n[2]), f[2] = noise((size_t)n[1] * n[2]);
    } else if (!strcmp(name, "attention_forward") || !strcmp(name, "attention_backward")) {
        kind = name[10] == 'f' ? FORWARD : BACKWARD;
        size_t X = (size_t)n[0] * n[1] * n[2] * n[3];
        f[0] = noise(3 * X), f[1] = noise(X), f[2] = zeros((size_t)n[0] * n[2] * n[1] * n[1]), f[3] = zeros(3 * X);
        attention_forward(f[1], f[2], f[0], n[0], n[1], n[2], n[2], n[3], n[1]);
    } else if (!strcmp(name, "loss_and_gradient")) {
        kind = LOSS;
        f[0] = zeros((size_t)n[0] * n[2]), f[1] = zeros((size_t)n[0] * n[1]), f[2] = zeros((size_t)n[1] * n[2]);
        f[3] = noise((size_t)n[0] * n[1]), f[4] = noise((size_t)n[1] * n[2]), targets = classes(n[0], n[2]);
    } else if (!strcmp(name, "optimizer_step") || !strcmp(name, "training_step")) {
        kind = name[0] == 'o' ? OPTIMIZER : STEP;
        m = create((Config){n[0], n[1], n[2], n[2], n[3], n[4], n[5], n[3] / 2, n[1] < 32 ? n[1] : 32, "SSSL"});
        tokens = classes(n[3] * n[4], n[5]), targets = classes(n[3] * n[4], n[5]);
    } else {
        return 0;
    }
    double spent = 0;
    while (calls == 0 || spent < seconds) {
        if (kind == OPTIMIZER)
            for (int i = 0; i < m->count; i++)
                for (size_t j = 0; j < (size_t)m->all[i]->rows * m->all[i]->cols; j++) m->all[i]->g[j] = uniform();
        double start = omp_get_wtime();
        switch (kind) {
        case GEMM: linear_forward(f[0], f[1], f[2], NULL, n[0], n[2], n[1]); break;
        case FORWARD: attention_forward(f[1], f[2], f[0], n[0], n[1], n[2], n[2], n[3], n[1]); break;
        case BACKWARD: attention_backward(f[3], f[1], f[2], f[0], n[0], n[1], n[2], n[2], n[3], n[1]); break;
        case LOSS: loss_forward_backward(f[0], f[1], f[2], f[3], f[4], targets, n[0], n[1], n[2]); break;
        case STEP: forward_backward(m, tokens, targets); // then the optimizer
        case OPTIMIZER: optimize(m, 1, 0.85f, 0.2f); break;
        }
        spent += omp_get_wtime() - start;
        calls++;
    }
    for (int i = 0; i < 6; i++) free(f[i]);
    free(tokens), free(targets);
    if (m) destroy(m);
    return spent / calls;
}

static int serve(void)
{
    char line[256], name[64];
    printf("plain C loops, %s, -O3 -march=native -ffast-math -fopenmp\n",
#ifdef __clang__
           "clang " __clang_version__
#else
           "gcc " __VERSION__
#endif
    );
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double numbers[16];
        int count = 0, used, at, integers[16];
        if (sscanf(line, "%63s%n", name, &at) != 1) continue;
        while (count < 16 && sscanf(line + at, "%lf%n", &numbers[count], &used) == 1) at += used, count++;
        for (int i = 0; i < count; i++) integers[i] = (int)numbers[i];
        if (count < 3) return 2;
        omp_set_num_threads(integers[count - 2]);
        double seconds = measure(name, integers, numbers[count - 1]);
        if (seconds > 0) printf("%.9g\n", seconds);
        else puts("unsupported");
        fflush(stdout);
    }
    return 0;
}

// DIR/check.txt: the nine numbers of the configuration, the pattern, the steps, Adam's epsilon; weights.f32 and tokens.i32 as
// written by cpu-peers.
static int check(const char *directory)
{
    char path[4096], pattern[64];
    Config c;
    int steps;
    snprintf(path, sizeof path, "%s/check.txt", directory);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%d%d%d%d%d%d%d%d%d%63s%d%f", &c.depth, &c.dim, &c.heads, &c.kv, &c.T, &c.B, &c.vocabulary,
        &c.window, &c.gate, pattern, &steps, &adam_epsilon) != 12)
        return 2;
    fclose(file);
    c.pattern = pattern;
    Model *m = create(c);
    snprintf(path, sizeof path, "%s/weights.f32", directory);
    if (!(file = fopen(path, "rb"))) return 2;
    for (int i = 0; i < m->count; i++)
        if (fread(m->all[i]->p, sizeof(float), (size_t)m->all[i]->rows * m->all[i]->cols, file)
            != (size_t)m->all[i]->rows * m->all[i]->cols)
            return 2;
    fclose(file);
    size_t batch = (size_t)c.B * c.T;
    int *tokens = malloc(2 * batch * sizeof(int));
    snprintf(path, sizeof path, "%s/tokens.i32", directory);
    if (!(file = fopen(path, "rb"))) return 2;
    for (int i = 0; i < steps; i++) {
        if (fread(tokens, sizeof(int), 2 * batch, file) != 2 * batch) return 2;
        float progress = (float)i / steps, share = i < 300 ? i / 300.0f : 1;
        printf("%.9g\n", forward_backward(m, tokens, tokens + batch));
        optimize(m, progress < 0.5f ? 1 : (1 - progress) / 0.5f, (1 - share) * 0.85f + share * 0.95f, 0.2f * (1 - progress));
    }
    fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "serve")) return serve();
    if (argc == 3 && !strcmp(argv[1], "check")) return check(argv[2]);
    fprintf(stderr, "usage: gpt serve | gpt check DIR\n");
    return 2;
}
