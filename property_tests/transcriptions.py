"""The eight printed algorithms and AMSGrad, transcribed line by line and independently of `adanorm_verify`.

Each function steps one tensor, flattened to a list, along its gradients and returns one dict a step: lists for
quantities of elements, numbers for the others, under the paper's names. `mp` is the arithmetic: an mpmath context, or
anything with `mpf`, `sqrt` and `exp`. What the paper leaves open is answered where it arises, in a comment. `guard` is
"none" or "decaying", which no paper has: a lift by at most 1 + 1/sqrt(t).
"""


def cut(mp, lift, t, guard):
    """What the guard lets through of a lift."""
    most = 1 + 1 / mp.sqrt(mp.mpf(t))
    return most if guard == "decaying" and lift > most else lift


def adam(mp, theta, gradients, lr, beta1, beta2, gamma, eps):
    """Algorithm 1."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    n = range(len(theta))
    m, v, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], []
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        m = [b1 * m[i] + (1 - b1) * g[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        steps.append({"g": g, "m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "theta": theta})
    return steps


def adamnorm(mp, theta, gradients, lr, beta1, beta2, gamma, eps, *, guard="none"):
    """Algorithm 2."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    gamma, n = mp.mpf(gamma), range(len(theta))
    m, v, e, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], mp.mpf(0), []
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        g_norm = mp.sqrt(sum([x**2 for x in g], mp.mpf(0)))  # over the elements of this tensor
        e = gamma * e + (1 - gamma) * g_norm
        s = g
        if e > g_norm and g_norm != 0:  # a zero gradient stays zero
            s = [cut(mp, e / g_norm, t, guard) * g[i] for i in n]
        m = [b1 * m[i] + (1 - b1) * s[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        steps.append({"g": g, "g_norm": g_norm, "e": e, "s": s, "m": m, "v": v})
        steps[-1] |= {"m_hat": m_hat, "v_hat": v_hat, "theta": theta}
    return steps


def diffgrad(mp, theta, gradients, lr, beta1, beta2, gamma, eps):
    """Algorithm 3."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    n = range(len(theta))
    m, v, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], []
    before = [mp.mpf(0) for _ in n]  # g_0 = 0
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        xi = [1 / (1 + mp.exp(-abs(g[i] - before[i]))) for i in n]
        m = [b1 * m[i] + (1 - b1) * g[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * xi[i] * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        before = g
        steps.append({"g": g, "xi": xi, "m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "theta": theta})
    return steps


def diffgradnorm(mp, theta, gradients, lr, beta1, beta2, gamma, eps, *, guard="none"):
    """Algorithm 4."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    gamma, n = mp.mpf(gamma), range(len(theta))
    m, v, e, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], mp.mpf(0), []
    before = [mp.mpf(0) for _ in n]  # g_0 = 0
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        xi = [1 / (1 + mp.exp(-abs(g[i] - before[i]))) for i in n]
        g_norm = mp.sqrt(sum([x**2 for x in g], mp.mpf(0)))  # over the elements of this tensor
        e = gamma * e + (1 - gamma) * g_norm
        s = g
        if e > g_norm and g_norm != 0:  # a zero gradient stays zero
            s = [cut(mp, e / g_norm, t, guard) * g[i] for i in n]
        m = [b1 * m[i] + (1 - b1) * s[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * xi[i] * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        before = g
        steps.append({"g": g, "xi": xi, "g_norm": g_norm, "e": e, "s": s, "m": m, "v": v})
        steps[-1] |= {"m_hat": m_hat, "v_hat": v_hat, "theta": theta}
    return steps


def radam(mp, theta, gradients, lr, beta1, beta2, gamma, eps, *, rectification="power"):
    """Algorithm 5; `rectification` is "power" (1 - beta2^t) or "printed" (1 - beta2)."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    n = range(len(theta))
    m, v, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], []
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        m = [b1 * m[i] + (1 - b1) * g[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        rho_inf = 2 / (1 - b2) - 1
        rho_t = rho_inf - 2 * t * b2**t / (1 - b2**t)
        steps.append({"g": g, "m": m, "v": v, "rho_inf": rho_inf, "rho_t": rho_t})
        if rho_t >= 5:
            rho_u = (rho_t - 4) * (rho_t - 2) * rho_inf
            rho_d = (rho_inf - 4) * (rho_inf - 2) * rho_t
            rho = mp.sqrt(((1 - b2) if rectification == "printed" else (1 - b2**t)) * rho_u / rho_d)
            alpha1 = rho * lr / (1 - b1**t)
            theta = [theta[i] - alpha1 * m[i] / (mp.sqrt(v[i]) + eps) for i in n]
            steps[-1] |= {"rho_u": rho_u, "rho_d": rho_d, "rho": rho, "alpha1": alpha1, "theta": theta}
        else:
            alpha2 = lr / (1 - b1**t)
            theta = [theta[i] - alpha2 * m[i] for i in n]
            steps[-1] |= {"alpha2": alpha2, "theta": theta}
    return steps


def radamnorm(mp, theta, gradients, lr, beta1, beta2, gamma, eps, *, rectification="power", guard="none"):
    """Algorithm 6; `rectification` is "power" (1 - beta2^t) or "printed" (1 - beta2)."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    gamma, n = mp.mpf(gamma), range(len(theta))
    m, v, e, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], mp.mpf(0), []
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        g_norm = mp.sqrt(sum([x**2 for x in g], mp.mpf(0)))  # over the elements of this tensor
        e = gamma * e + (1 - gamma) * g_norm
        s = g
        if e > g_norm and g_norm != 0:  # a zero gradient stays zero
            s = [cut(mp, e / g_norm, t, guard) * g[i] for i in n]
        m = [b1 * m[i] + (1 - b1) * s[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        rho_inf = 2 / (1 - b2) - 1
        rho_t = rho_inf - 2 * t * b2**t / (1 - b2**t)
        steps.append({"g": g, "g_norm": g_norm, "e": e, "s": s, "m": m, "v": v, "rho_inf": rho_inf, "rho_t": rho_t})
        if rho_t >= 5:
            rho_u = (rho_t - 4) * (rho_t - 2) * rho_inf
            rho_d = (rho_inf - 4) * (rho_inf - 2) * rho_t
            rho = mp.sqrt(((1 - b2) if rectification == "printed" else (1 - b2**t)) * rho_u / rho_d)
            alpha1 = rho * lr / (1 - b1**t)
            theta = [theta[i] - alpha1 * m[i] / (mp.sqrt(v[i]) + eps) for i in n]
            steps[-1] |= {"rho_u": rho_u, "rho_d": rho_d, "rho": rho, "alpha1": alpha1, "theta": theta}
        else:
            alpha2 = lr / (1 - b1**t)
            theta = [theta[i] - alpha2 * m[i] for i in n]
            steps[-1] |= {"alpha2": alpha2, "theta": theta}
    return steps


def adabelief(mp, theta, gradients, lr, beta1, beta2, gamma, eps):
    """Algorithm 7."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    n = range(len(theta))
    m, v, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], []
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        m = [b1 * m[i] + (1 - b1) * g[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * (g[i] - m[i]) ** 2 for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        steps.append({"g": g, "m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "theta": theta})
    return steps


def adabeliefnorm(mp, theta, gradients, lr, beta1, beta2, gamma, eps, *, belief="s", guard="none"):
    """Algorithm 8; `belief` is "s" for (s - m)^2 or "g" for the printed (g - m)^2."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    gamma, n = mp.mpf(gamma), range(len(theta))
    m, v, e, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], mp.mpf(0), []
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        g_norm = mp.sqrt(sum([x**2 for x in g], mp.mpf(0)))  # over the elements of this tensor
        e = gamma * e + (1 - gamma) * g_norm
        s = g
        if e > g_norm and g_norm != 0:  # a zero gradient stays zero
            s = [cut(mp, e / g_norm, t, guard) * g[i] for i in n]
        m = [b1 * m[i] + (1 - b1) * s[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * ((g if belief == "g" else s)[i] - m[i]) ** 2 for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        steps.append({"g": g, "g_norm": g_norm, "e": e, "s": s, "m": m, "v": v})
        steps[-1] |= {"m_hat": m_hat, "v_hat": v_hat, "theta": theta}
    return steps


def amsgrad(mp, theta, gradients, lr, beta1, beta2, gamma, eps):
    """AMSGrad of Reddi, Kale and Kumar (2018), with the bias corrections that torch.optim.Adam gives it."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    n = range(len(theta))
    m, v, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], []
    v_max = [mp.mpf(0) for _ in n]
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        m = [b1 * m[i] + (1 - b1) * g[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        v_max = [max(v_max[i], v[i]) for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v_max[i] / (1 - b2**t) for i in n]  # torch: max_exp_avg_sq.sqrt() / bias_correction2_sqrt
        theta = [theta[i] - lr * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        steps.append({"g": g, "m": m, "v": v, "v_max": v_max, "m_hat": m_hat, "v_hat": v_hat, "theta": theta})
    return steps


def amsgradnorm(mp, theta, gradients, lr, beta1, beta2, gamma, eps, *, guard="none"):
    """The same with the corrected gradient of Algorithm 2 in its first moment."""
    theta, lr, b1, b2, eps = [mp.mpf(x) for x in theta], mp.mpf(lr), mp.mpf(beta1), mp.mpf(beta2), mp.mpf(eps)
    gamma, n = mp.mpf(gamma), range(len(theta))
    m, v, e, steps = [mp.mpf(0) for _ in n], [mp.mpf(0) for _ in n], mp.mpf(0), []
    v_max = [mp.mpf(0) for _ in n]
    for t, gradient in enumerate(gradients, 1):
        g = [mp.mpf(x) for x in gradient]
        g_norm = mp.sqrt(sum([x**2 for x in g], mp.mpf(0)))  # over the elements of this tensor
        e = gamma * e + (1 - gamma) * g_norm
        s = g
        if e > g_norm and g_norm != 0:  # a zero gradient stays zero
            s = [cut(mp, e / g_norm, t, guard) * g[i] for i in n]
        m = [b1 * m[i] + (1 - b1) * s[i] for i in n]
        v = [b2 * v[i] + (1 - b2) * g[i] ** 2 for i in n]
        v_max = [max(v_max[i], v[i]) for i in n]
        m_hat = [m[i] / (1 - b1**t) for i in n]
        v_hat = [v_max[i] / (1 - b2**t) for i in n]
        theta = [theta[i] - lr * m_hat[i] / (mp.sqrt(v_hat[i]) + eps) for i in n]
        steps.append({"g": g, "g_norm": g_norm, "e": e, "s": s, "m": m, "v": v, "v_max": v_max})
        steps[-1] |= {"m_hat": m_hat, "v_hat": v_hat, "theta": theta}
    return steps


TRANSCRIPTIONS = {
    "adam": adam,
    "adamnorm": adamnorm,
    "diffgrad": diffgrad,
    "diffgradnorm": diffgradnorm,
    "radam": radam,
    "radamnorm": radamnorm,
    "adabelief": adabelief,
    "adabeliefnorm": adabeliefnorm,
    "amsgrad": amsgrad,
    "amsgradnorm": amsgradnorm,
}


def transcribed(name, mp, case, **options):
    """The steps of every tensor of a case, each a list that has None where that tensor has no gradient."""
    tensors = []
    for i, theta in enumerate(case.theta):
        own = {key: float(value) for key, value in case.hyperparameters[case.groups[i]].items().items()}
        present = [gradients[i].ravel().tolist() for gradients in case.steps if gradients[i] is not None]
        steps = iter(TRANSCRIPTIONS[name](mp, theta.ravel().tolist(), present, **own, **options))
        tensors.append([None if gradients[i] is None else next(steps) for gradients in case.steps])
    return tensors
