"""The reference agrees with scipy and with dense matrices without logarithms, and keeps what the
method promises of masses, gradients and descent."""

import unittest

import numpy as np

from images import moved_by_scipy
from matrices import dense_kernel
from reference import (
    GibbsKernel,
    dual_value_and_gradient,
    marginals,
    operators,
    safe_log,
    solve,
)

MOTIONS = (
    "identity + rotate 2 + rotate -3 + rotate 37.5"
    " + translate 3 0 + translate -1.3 0.6 + translate 0 40"
)


def difference(a, b):
    return float(abs(a - b).max())


def blob(random, channels, height, width):
    """Positive noise on a zero background."""
    z = random.random((channels, height, width))
    return np.where(random.random(z.shape) < 0.5, z, 0)


def dense_solution(image, cost, window, regularizer, gamma, theta, tau, iterations, beta):
    """p, objective and residual by the formulas written with matrices and no logarithms, for one
    channel and the set B4."""
    K = dense_kernel(*image.shape[1:], gamma, cost, window)
    x = image.ravel() / image.sum()
    q = [m.ravel() / m.sum() for m in marginals(image[0], operators("B4")).astype(np.float64)]
    u, v = [np.zeros(x.size) for _ in range(3)], np.zeros(x.size)

    def evaluate():
        u_N = -v / beta[3] - sum(beta[k] / beta[3] * u[k] for k in range(3))
        F, p = 0.0, []
        for k, u_k in enumerate(u + [u_N]):
            a = np.exp(u_k / gamma)
            entropy = -sum(t * np.log(t) for t in q[k] if t > 0)
            F += beta[k] * gamma * (entropy + q[k] @ np.log(K @ a))
            p.append(a * (K @ (q[k] / (K @ a))))
        return F, p

    for _ in range(iterations):
        _, p = evaluate()
        for k in range(3):
            u[k] = u[k] - tau * beta[k] * (p[k] - p[3])
        if regularizer == "data":
            v = (v + tau * p[3] - tau * x) / (1 + tau / theta)
        elif regularizer == "norm":
            v = (v + tau * p[3]) / (1 + tau / theta)
    F, p = evaluate()
    mean = sum(p) / 4
    J = {"data": v @ v / (2 * theta) + v @ x, "norm": v @ v / (2 * theta), "none": 0.0}[regularizer]
    return mean, F + J, max(abs(t - mean).sum() for t in p)


class Reference(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(1)
        self.coloured = blob(self.random, 3, 12, 11)
        self.small = blob(self.random, 2, 7, 6)

    def check(self, error, limit, what=""):
        """Prints the error too, since it tells more than that it is within the limit."""
        print("%-62s %.2e (limit %.0e)" % (f"{self._testMethodName[5:]} {what}", error, limit))
        with self.subTest(what):
            self.assertLessEqual(error, limit)

    # ---- marginals ---------------------------------------------------------------

    def test_marginals_are_those_of_scipy(self):
        for kind, order in (("bilinear", 1), ("nearest", 0)):
            worst = 0.0
            for shape in ((28, 28), (17, 24), (9, 9), (1, 6)):
                z = self.random.random(shape)
                for op, ours in zip(operators(MOTIONS), marginals(z, operators(MOTIONS), kind)):
                    worst = max(worst, difference(ours, moved_by_scipy(z, op, order)))
            self.check(worst, 1e-12, kind)

    def test_rotations_are_counter_clockwise_on_screen(self):
        z = self.random.random((8, 8))
        self.check(difference(marginals(z, [("rotate", 90)])[0], np.rot90(z)), 1e-15)

    def test_translations_go_right_and_down(self):
        z = np.zeros((5, 5))
        z[2, 2] = 1
        self.assertEqual(marginals(z, [("translate", 2, 1)])[0, 3, 4], 1)

    def test_names_of_sets_stand_for_their_text(self):
        self.assertEqual(
            operators("identity + rotate +2 + rotate -2 + translate 3 0"), operators("B4")
        )

    # ---- the solution ------------------------------------------------------------

    def test_nothing_is_transported_at_a_tiny_gamma(self):
        z = blob(self.random, 1, 28, 28)
        q = marginals(z[0], operators("B6"))
        q = q / q.sum(axis=(1, 2), keepdims=True)
        for snapshot in solve(z, operators("B6"), gamma=1e-3, iterations=[0, 5]):
            self.check(difference(snapshot.p[0], q.mean(axis=0)), 1e-15)
        (alone,) = solve(self.small, [("identity",)], gamma=1e-3, iterations=[9])
        self.check(difference(alone.image, self.small), 1e-15, "one identity marginal")

    def test_mass_is_kept(self):
        for gamma, window in ((1e-3, 7), (0.1, 5), (1, "full"), (50, "full")):
            for mass in ("channel", "joint"):
                (end,) = solve(
                    self.coloured,
                    operators("B6"),
                    gamma=gamma,
                    window=window,
                    mass=mass,
                    iterations=[40],
                )
                what = "gamma %g window %s mass %s" % (gamma, window, mass)
                self.check(float(end.mass_defect), 1e-15, what)

    def test_huge_exponents_stay_finite_and_keep_the_mass(self):
        (end,) = solve(
            self.coloured, operators("B6"), gamma=1e-3, tau=1e4, theta=1, iterations=[20]
        )
        self.assertTrue(np.isfinite(end.p).all() and np.isfinite(end.objective))
        self.check(float(end.mass_defect), 1e-12)

    def test_a_zero_channel_stays_zero(self):
        self.small[1] = 0
        for mass in ("channel", "joint"):
            (end,) = solve(self.small, operators("B4"), gamma=0.2, iterations=[9], mass=mass)
            self.check(float(abs(end.image[1]).max()), 0, mass)

    def test_80_bits_and_64_bits_agree_where_the_steps_are_stable(self):
        for window in (7, "full"):
            long, double = (
                solve(
                    self.coloured,
                    operators("B6"),
                    gamma=0.1,
                    window=window,
                    iterations=[100],
                    dtype=t,
                )[0]
                for t in (np.longdouble, np.float64)
            )
            self.check(difference(long.p, double.p), 1e-12, f"window {window}")

    def test_snapshots_are_those_of_separate_runs(self):
        together = solve(self.small, operators("B4"), gamma=0.2, iterations=[7, 0, 3, 7])
        (alone,) = solve(self.small, operators("B4"), gamma=0.2, iterations=[3])
        self.check(difference(together[2].p, alone.p), 0)
        self.check(difference(together[0].p, together[3].p), 0, "repeated")

    def test_weights_are_normalised(self):
        two, one = (
            solve(self.small, operators("B4"), gamma=0.2, iterations=[9], beta=beta)[0]
            for beta in ([2, 2, 2, 2], None)
        )
        self.check(difference(two.p, one.p), 1e-18)

    # ---- the kernel, and the same without logarithms -----------------------------

    def test_passes_along_rows_and_columns_are_the_sum_over_the_plane(self):
        """Compares log(K f) itself, for f spread over hundreds of orders of magnitude and zero in
        places, and then whole solutions."""
        log_f = safe_log(self.small) + 300 * self.random.standard_normal(self.small.shape)
        log_f = log_f.astype(np.longdouble)
        log_f[0, :, :3] = -np.inf
        for cost in ("l1", "sql2"):
            for window in (1, 3, 5, 21, "full"):
                worst = 0.0
                for gamma in (1e-3, 0.1, 50):
                    a, b = (
                        GibbsKernel(7, 6, gamma, cost, window, np.longdouble, s).log_apply(log_f)
                        for s in (True, False)
                    )
                    self.assertTrue((np.isneginf(a) == np.isneginf(b)).all())
                    a, b = (np.where(np.isneginf(t), 0, t) for t in (a, b))
                    worst = max(worst, difference(a, b) / float(abs(b).max()))
                self.check(worst, 1e-18, "kernel %s window %s" % (cost, window))
                a, b = (
                    solve(
                        self.small,
                        operators("B4"),
                        gamma=0.1,
                        cost=cost,
                        window=window,
                        iterations=[15],
                        separable=s,
                    )[0]
                    for s in (True, False)
                )
                error = max(difference(a.p, b.p), abs(float(a.objective - b.objective)))
                self.check(error, 1e-16, "solution %s window %s" % (cost, window))

    def test_dense_matrices_give_the_same(self):
        image, beta = self.small[:1], np.array([0.4, 0.3, 0.2, 0.1])
        gamma, theta, tau, iterations = 0.7, 2.0, 0.3, 12
        for cost in ("l1", "l2", "sql2"):
            for window in (3, "full"):
                for regularizer in ("data", "norm", "none"):
                    (ours,) = solve(
                        image,
                        operators("B4"),
                        gamma,
                        theta,
                        tau,
                        [iterations],
                        cost,
                        window,
                        regularizer,
                        beta=beta * 5,
                    )
                    p, objective, residual = dense_solution(
                        image, cost, window, regularizer, gamma, theta, tau, iterations, beta
                    )
                    error = max(
                        difference(ours.p.ravel(), p),
                        abs(float(ours.objective) - objective),
                        abs(float(ours.residual) - residual),
                    )
                    self.check(error, 1e-13, "%s window %s %s" % (cost, window, regularizer))

    # ---- the dual ----------------------------------------------------------------

    def test_gradients_are_finite_differences(self):
        """Central differences along random directions."""
        for cost, window, gamma in (("l1", 3, 0.1), ("l2", "full", 1), ("sql2", 5, 10)):
            kernel = GibbsKernel(7, 6, gamma, cost, window, np.longdouble)
            q = (self.small[0] / self.small[0].sum()).astype(np.longdouble)
            gamma = np.longdouble(gamma)
            u, d = self.random.standard_normal((2, 7, 6)).astype(np.longdouble)
            step = np.longdouble(1e-5) * gamma
            up, _ = dual_value_and_gradient(u + step * d, q, kernel, gamma)
            down, _ = dual_value_and_gradient(u - step * d, q, kernel, gamma)
            _, g = dual_value_and_gradient(u, q, kernel, gamma)
            error = abs(float((up - down) / (2 * step) - (g * d).sum()))
            self.check(error, 1e-9, "%s window %s" % (cost, window))

    def test_small_steps_descend(self):
        for regularizer in ("data", "norm", "none"):
            steps = solve(
                self.small,
                operators("B4"),
                gamma=0.5,
                tau=0.05,
                theta=10,
                window="full",
                regularizer=regularizer,
                iterations=range(0, 61),
            )
            objectives = np.array([step.objective for step in steps])
            self.check(max(0, float(np.diff(objectives).max())), 0, f"{regularizer}, objective")
            shrunk = float(steps[-1].residual / steps[0].residual)
            self.check(shrunk, 1, f"{regularizer}, residual")

    def test_marginals_of_the_plans_agree_in_the_end(self):
        (end,) = solve(
            self.small[:1],
            operators("B4"),
            gamma=2,
            tau=8,
            theta=1,
            window="full",
            iterations=[2000],
        )
        self.check(float(end.residual), 1e-8)


if __name__ == "__main__":
    unittest.main()
