#include <barydef/solver.h>
#include <barydef/statistics.h>

#include <math.h>
#include <string.h>

/* Where the views' columns are. */
static const size_t prediction_at[BD_VIEWS] = {
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  offsetof(bd_per_image_t, predicted_##name),
#include <barydef/views.def>
};
static const size_t accuracy_at[BD_VIEWS] = {
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  offsetof(bd_statistics_t, accuracy),
#include <barydef/views.def>
};

int32_t bd_per_image_predicted(const bd_per_image_t *record, bd_view_t view) {
  int32_t predicted;
  memcpy(&predicted, (const char *)record + prediction_at[view], sizeof predicted);
  return predicted;
}

void bd_per_image_predict(bd_per_image_t *record, bd_view_t view, int32_t predicted) {
  memcpy((char *)record + prediction_at[view], &predicted, sizeof predicted);
}

bd_accuracy_t bd_statistics_accuracy(const bd_statistics_t *row, bd_view_t view) {
  bd_accuracy_t accuracy;
  memcpy(&accuracy, (const char *)row + accuracy_at[view], sizeof accuracy);
  return accuracy;
}

/* Of the normal distribution, for 95 %. */
static const double quantile = 1.959963984540054;

static int is_right(const bd_per_image_t *record, bd_view_t view) {
  const int32_t predicted = bd_per_image_predicted(record, view);
  return predicted >= 0 && predicted == record->label;
}

/* Does an image count for the accuracy of a view?  A purified image that failed is wrong. */
static int is_judged(const bd_per_image_t *record, bd_view_t view) {
  return record->status == BD_IMAGE_OK || view == BD_VIEW_PURIFIED ||
         bd_per_image_predicted(record, view) >= 0;
}

static int is_shown(const bd_per_image_t *record) {
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    if (bd_per_image_predicted(record, v) >= 0) return 1;
  return 0;
}

static void add_spreads(bd_tally_t *tally, const bd_per_image_t *r) {
  const double figures[BD_SPREADS] = {
#define BD_SPREAD(name) (double)r->name,
#include <barydef/statistics.def>
  };
  for (int j = 0; j < BD_SPREADS; j++) {
    if (isnan(figures[j])) continue;
    tally->max[j] = tally->counted[j] ? fmax(tally->max[j], figures[j]) : figures[j];
    tally->sum[j] += figures[j];
    tally->counted[j]++;
  }
}

static void add(bd_tally_t *tally, double tau, const bd_per_image_t *r) {
  const int ok = r->status == BD_IMAGE_OK;
  const int before = is_right(r, BD_VIEW_ATTACKED), after = is_right(r, BD_VIEW_PURIFIED);
#define BD_COUNT(name, when, meaning) tally->name += (when) ? 1 : 0;
#define BD_TOTAL(name, value, meaning) tally->name += (value);
#include <barydef/statistics.def>
  if (r->status >= 0 && r->status < BD_STATUSES_MAX) tally->by_status[r->status]++;
  if (r->passes_forward >= 0) {
    tally->made++;
    tally->passes_forward += r->passes_forward;
    tally->passes_backward += r->passes_backward;
  }
  for (bd_view_t v = 0; v < BD_VIEWS; v++) {
    tally->right[v] += is_right(r, v);
    tally->judged[v] += is_judged(r, v);
  }
  tally->shown += is_shown(r);
  if (!ok) return;
  if (tally->safe_tau == 0 || r->safe_tau < tally->safe_tau) tally->safe_tau = r->safe_tau;
  add_spreads(tally, r);
}

void bd_tally_add(bd_tally_t *tally, double tau, size_t count, const bd_per_image_t *records) {
  for (size_t i = 0; i < count; i++) add(tally, tau, &records[i]);
}

/* NaN where nothing was measured, which no accuracy of 0 says. */
static bd_accuracy_t fraction(int64_t right, int64_t judged, int is_measured) {
  return is_measured && judged > 0 ? bd_wilson(right, judged, quantile)
                                   : (bd_accuracy_t){NAN, NAN, NAN};
}

void bd_tally_finish(const bd_tally_t *tally, bd_views_t asked, bd_statistics_t *row) {
  int spread = 0;
#define BD_COUNT(name, when, meaning) row->name = tally->name;
#define BD_ACCURACY(VIEW, name, meaning)                                                           \
  row->name = fraction(tally->right[BD_VIEW_##VIEW], tally->judged[BD_VIEW_##VIEW],                \
                       tally->shown && (asked & BD_VIEW_BIT(BD_VIEW_##VIEW)));
#define BD_SPREAD(name)                                                                            \
  row->name =                                                                                      \
      tally->counted[spread]                                                                       \
          ? (bd_spread_t){tally->sum[spread] / (double)tally->counted[spread], tally->max[spread]} \
          : (bd_spread_t){NAN, NAN};                                                               \
  spread++;
#include <barydef/statistics.def>
  row->safe_tau = tally->safe_tau > 0 ? tally->safe_tau : NAN;
  row->passes_forward = tally->made ? (double)tally->passes_forward / (double)tally->made : NAN;
  row->passes_backward = tally->made ? (double)tally->passes_backward / (double)tally->made : NAN;
}

void bd_worst_case_add(bd_worst_image_t *images, size_t count, const bd_per_image_t *records) {
  for (size_t i = 0; i < count; i++)
    for (bd_view_t v = 0; v < BD_VIEWS; v++) {
      if (!is_judged(&records[i], v)) images[i].shown &= ~BD_VIEW_BIT(v);
      else if (!is_right(&records[i], v)) images[i].right &= ~BD_VIEW_BIT(v);
    }
}

void bd_worst_case_finish(const bd_worst_image_t *images, bd_views_t asked, bd_worst_case_t *row) {
  int64_t right[BD_VIEWS] = {0}, judged[BD_VIEWS] = {0};
  for (int64_t i = 0; i < row->images; i++)
    for (bd_view_t v = 0; v < BD_VIEWS; v++) {
      const int has_right = (images[i].right & BD_VIEW_BIT(v)) != 0,
                has_shown = (images[i].shown & BD_VIEW_BIT(v)) != 0;
      right[v] += has_right && has_shown;
      judged[v] += has_shown || !has_right;
    }
#define BD_VIEW(NAME, name, label, accuracy, when, on, meaning)                                    \
  row->accuracy = fraction(right[BD_VIEW_##NAME], judged[BD_VIEW_##NAME],                          \
                           judged[BD_VIEW_ATTACKED] && (asked & BD_VIEW_BIT(BD_VIEW_##NAME)));
#define BD_VIEW_ADDED(...)
#include <barydef/views.def>
}
