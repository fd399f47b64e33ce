"""The plain reverse pass in 80 bits: operation by operation, as an automatic differentiation does.

Exponents of 80-bit numbers reach 11,000 gamma, so no logarithms are needed.  Kernels and motions
are dense matrices, so images are small.
"""

import numpy as np

from matrices import dense_kernel, dense_motions


class Reverse:
    def __init__(
        self,
        shape,
        ops,
        *,
        gamma=0.02,
        theta=1e5,
        tau=0.2,
        iterations=200,
        cost="l1",
        window=7,
        regularizer="data",
        mass="channel",
        interpolation="bilinear",
        beta=None,
        dtype=np.longdouble,
    ):
        self.shape, self.n, self.joint, self.steps = shape, len(ops), mass == "joint", iterations
        self.gamma, self.tau, self.dtype = dtype(gamma), dtype(tau), dtype
        self.shrink = 1 / (1 + dtype(tau) / dtype(theta))
        self.push = dtype(tau) if regularizer != "none" else dtype(0)
        self.pull = self.push if regularizer == "data" else dtype(0)
        beta = np.ones(self.n) if beta is None else np.asarray(beta)
        self.beta = beta.astype(dtype) / beta.astype(dtype).sum()
        self.moves = dense_motions(ops, interpolation, *shape[1:], dtype)
        self.kernel = dense_kernel(*shape[1:], gamma, cost, window, dtype)

    def evaluate(self, u, q):
        a = np.exp((u - u.max()) / self.gamma)
        ka = self.kernel @ a
        kr = self.kernel @ (q / ka)
        return a * kr, (a, ka, kr, q)

    def adjoint(self, pb, kept):
        """Adjoints of q and u."""
        a, ka, kr, q = kept
        rb = self.kernel @ (pb * a)
        ab = pb * kr - self.kernel @ (rb / ka * q / ka)
        return rb / ka, ab * a / self.gamma

    def trajectory(self, q, x):
        """All evaluations of one channel, and the last p."""
        u, v, kept = np.zeros((self.n - 1, x.size), self.dtype), np.zeros(x.size, self.dtype), []
        beta, last = self.beta, self.n - 1
        for step in range(self.steps + 1):
            final = -(v + (beta[:-1, None] * u).sum(0)) / beta[-1]
            p, of_step = zip(*(self.evaluate(w, q[k]) for k, w in enumerate([*u, final])))
            kept.append(of_step)
            u = u - self.tau * beta[:-1, None] * (np.array(p[:last]).reshape(u.shape) - p[last])
            v = self.shrink * (v + self.push * p[last] - self.pull * x)
        return sum(p) / self.n, kept

    def back(self, pb, kept):
        """Adjoints of q [N, n] and x, both of mass 1."""
        beta, n = self.beta, self.n
        mu, nu, xb = 0, 0, 0
        qb, pb = np.zeros((n, pb.size), self.dtype), np.array([pb] * n)
        for step in range(self.steps, -1, -1):
            z, g = zip(*(self.adjoint(pb[k], kept[step][k]) for k in range(n)))
            qb, g = qb + np.array(z), np.array(g)
            mu = mu + g[:-1] - beta[:-1, None] / beta[-1] * g[-1]
            nu = nu - g[-1] / beta[-1]
            nu = self.shrink * nu
            xb = xb - (self.pull * nu if step else 0)
            own = self.tau * beta[:-1, None] * mu
            pb = np.concatenate([-own, (own.sum(0) + self.push * nu)[None]])
        return qb, xb + np.zeros(qb.shape[1], self.dtype)

    def vjp(self, image, adjoint):
        """The gradient [C, H, W] of <adjoint, purified>, and the purified image, not clipped."""
        channels = self.shape[0]
        image = np.asarray(image, dtype=self.dtype).reshape(channels, -1)
        adjoint = np.asarray(adjoint, dtype=self.dtype).reshape(channels, -1)
        moved = np.einsum("kij,cj->cki", self.moves, image)
        m, s = image.sum(1), moved.sum(2)
        if self.joint:
            m, s = np.full_like(m, m.sum()), s * 0 + s.sum(0)
        mb, sb = np.zeros_like(m), np.zeros_like(s)
        gradient, purified = np.zeros_like(image), np.zeros_like(image)
        for c in np.flatnonzero(m > 0):
            x, q = image[c] / m[c], moved[c] / s[c][:, None]
            p, kept = self.trajectory(q, x)
            purified[c] = m[c] * p
            yb = np.where(purified[c] <= 1, adjoint[c], 0)
            qb, xb = self.back(m[c] * yb / self.n, kept)
            mb[c] = yb @ p - xb @ x / m[c]
            sb[c] = -(qb * q).sum(1) / s[c]
            gradient[c] = xb / m[c] + np.einsum("kij,ki->j", self.moves, qb / s[c][:, None])
        if self.joint:
            mb, sb = np.full_like(mb, mb.sum()), sb * 0 + sb.sum(0)
        gradient += mb[:, None] + np.einsum("ck,kij->cj", sb, self.moves)
        gradient[m == 0] = 0
        return gradient.reshape(self.shape), purified.reshape(self.shape)
