/* The plain twin of the solver.  It iterates one channel as the formulas stand, in 80-bit floats,
   with nothing fused, skipped or guarded.

   An 80-bit float reaches from e^-11355 to e^11355, so exp((u - max u)/gamma), K a and
   q / K a are themselves numbers as long as u spans less than 11000 gamma.  twin_solve says
   when it does not.  reference.py computes the same in logarithms, with no such limit and some
   hundred times slower.  Each is tested against the other. */
#include <stdlib.h>
#include <tgmath.h>

#ifdef TWIN_DOUBLE /* for comparisons of speed */
typedef double real;
#else
typedef long double real;
#endif

/* K is a product of passes.  A pass sums weight[dy + ry][dx + rx] over the offsets of a rectangle,
   inside the image. */
typedef struct pass {
  int ry, rx;
  const real *weight;
} pass_t;

typedef struct setting {
  int height, width, marginals, passes;
  pass_t pass[2];
  double gamma, theta, tau;
  int regularizer;          /* 0 data, 1 norm, 2 none */
  const real *beta, *x, *q; /* [marginals], [pixels], [marginals][pixels] */
} setting_t;

typedef struct figures {
  real residual, mass_defect, objective;
} figures_t;

/* There are four partial sums, since an addition that waits for the one before takes six cycles. */
static real dot(int n, const real *a, const real *b) {
  real sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  for (; n >= 4; n -= 4, a += 4, b += 4) {
    sum0 += a[0] * b[0];
    sum1 += a[1] * b[1];
    sum2 += a[2] * b[2];
    sum3 += a[3] * b[3];
  }
  for (; n > 0; n--) sum0 += *a++ * *b++;
  return sum0 + sum1 + sum2 + sum3;
}

static void apply_pass(const setting_t *s, const pass_t *pass, const real *in, real *out) {
  for (int y = 0; y < s->height; y++)
    for (int x = 0; x < s->width; x++) {
      int first = x < pass->rx ? -x : -pass->rx;
      int last = x + pass->rx < s->width ? pass->rx : s->width - 1 - x;
      real sum = 0;
      for (int dy = -pass->ry; dy <= pass->ry; dy++)
        if (y + dy >= 0 && y + dy < s->height)
          sum += dot(last - first + 1,
                     pass->weight + (dy + pass->ry) * (2 * pass->rx + 1) + first + pass->rx,
                     in + (y + dy) * s->width + x + first);
      out[y * s->width + x] = sum;
    }
}

static void apply(const setting_t *s, const real *in, real *out, real *scratch) {
  if (s->passes == 1) {
    apply_pass(s, &s->pass[0], in, out);
  } else {
    apply_pass(s, &s->pass[0], in, scratch);
    apply_pass(s, &s->pass[1], scratch, out);
  }
}

/* p = grad H*_q(u) = a . K(q / K a), and H*_q(u) = gamma (E(q) + <q, log K a>) + max u sum q.
   work: 4 planes.  -1 when u spans too much. */
static int gradient(const setting_t *s, const real *u, const real *q, real *p, real *value,
                    real *work) {
  const int n = s->height * s->width;
  real *a = work, *b = work + n, *c = work + 2 * n, *scratch = work + 3 * n;
  real max = u[0], min = u[0], sum = 0;
  for (int i = 0; i < n; i++) {
    max = u[i] > max ? u[i] : max;
    min = u[i] < min ? u[i] : min;
  }
  if (!((max - min) / s->gamma < (sizeof(real) > 8 ? 11000 : 600))) return -1;
  for (int i = 0; i < n; i++) a[i] = exp((u[i] - max) / s->gamma);
  apply(s, a, b, scratch);
  for (int i = 0; i < n; i++) {
    c[i] = q[i] / b[i];
    if (q[i] > 0) sum += s->gamma * q[i] * (log(b[i]) - log(q[i]));
    sum += max * q[i];
  }
  apply(s, c, b, scratch);
  for (int i = 0; i < n; i++) p[i] = a[i] * b[i];
  *value = sum;
  return 0;
}

/* Computes mean = (1/N) sum_k p_k and the figures of a report at this point. */
static figures_t describe(const setting_t *s, const real *p, real *mean) {
  const int n = s->height * s->width;
  figures_t f = {0};
  for (int i = 0; i < n; i++) {
    mean[i] = 0;
    for (int k = 0; k < s->marginals; k++) mean[i] += p[k * n + i] / s->marginals;
  }
  for (int k = 0; k < s->marginals; k++) {
    real distance = 0, defect = 0;
    for (int i = 0; i < n; i++) {
      distance += fabs(p[k * n + i] - mean[i]);
      defect += p[k * n + i] - s->q[k * n + i];
    }
    f.residual = fmax(f.residual, distance);
    f.mass_defect = fmax(f.mass_defect, fabs(defect));
  }
  return f;
}

/* L steps for every L of `iterations` (ascending); mean [snapshots][pixels], figures
   [snapshots].  0, or -1 when 80 bits do not reach. */
int twin_solve(const setting_t *s, int snapshots, const int *iterations, real *mean,
               figures_t *figures) {
  const int n = s->height * s->width, last = s->marginals - 1;
  real *u = calloc((size_t)s->marginals * n, sizeof *u), *v = calloc(n, sizeof *v);
  real *p = calloc((size_t)s->marginals * n, sizeof *p),
       *work = calloc(4 * (size_t)n, sizeof *work);
  int status = u && v && p && work ? 0 : -1, done = 0;
  for (int iteration = 0; status == 0; iteration++) {
    real objective = 0, value;
    for (int i = 0; i < n; i++) {
      real sum = v[i];
      for (int k = 0; k < last; k++) sum += s->beta[k] * u[k * n + i];
      u[last * n + i] = -sum / s->beta[last];
      if (s->regularizer < 2) objective += v[i] * v[i] / (2 * s->theta);
      if (s->regularizer == 0) objective += v[i] * s->x[i];
    }
    for (int k = 0; k <= last && status == 0; k++) {
      status = gradient(s, u + k * n, s->q + k * n, p + k * n, &value, work);
      objective += s->beta[k] * value;
    }
    if (status == 0 && iteration == iterations[done]) {
      figures[done] = describe(s, p, mean + done * n);
      figures[done++].objective = objective;
      if (done == snapshots) break;
    }
    for (int i = 0; i < n; i++) {
      const real p_last = p[last * n + i];
      for (int k = 0; k < last; k++) u[k * n + i] -= s->tau * s->beta[k] * (p[k * n + i] - p_last);
      if (s->regularizer < 2)
        v[i] = (v[i] + s->tau * (p_last - (s->regularizer == 0 ? s->x[i] : 0))) /
               (1 + (real)s->tau / s->theta);
    }
  }
  free(u);
  free(v);
  free(p);
  free(work);
  return status;
}
