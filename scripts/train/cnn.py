"""A small convolutional network in plain numpy: enough for 8x8 images.

    conv 3x3, 1 -> C1, ReLU
    conv 3x3, C1 -> C2, ReLU, max pool 2x2
    dense -> H, ReLU, dropout while training
    dense -> 10

Weights have ONNX's layouts (convolutions OIHW, dense layers in x out), so they go into the
graph as they are. Images are [N, 1, 8, 8].
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def init(rng, c1, c2, hidden):
    """He-initialised weights, zero biases."""

    def he(*shape, fan_in):
        return rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)

    return {
        "conv1_w": he(c1, 1, 3, 3, fan_in=9),
        "conv1_b": np.zeros(c1, np.float32),
        "conv2_w": he(c2, c1, 3, 3, fan_in=9 * c1),
        "conv2_b": np.zeros(c2, np.float32),
        "dense1_w": he(c2 * 16, hidden, fan_in=c2 * 16),
        "dense1_b": np.zeros(hidden, np.float32),
        "dense2_w": he(hidden, 10, fan_in=hidden),
        "dense2_b": np.zeros(10, np.float32),
    }


def _patches(x):
    """[N, C, H, W] -> [N, H, W, C*9]: the 3x3 surroundings of every pixel, zero-padded."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    win = sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(win.transpose(0, 2, 3, 1, 4, 5)).reshape(n, h, w, c * 9)


def _conv(x, w, b):
    """Returns the convolution and the patches that the backward pass needs."""
    patches = _patches(x)
    out = patches @ w.reshape(len(w), -1).T + b
    return out.transpose(0, 3, 1, 2), patches


def _conv_back(grad, patches, w):
    """Gradients of the weights, the bias and the input."""
    o, c = w.shape[:2]
    g = grad.transpose(0, 2, 3, 1).reshape(-1, o)
    dw = (g.T @ patches.reshape(-1, c * 9)).reshape(w.shape)
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
    dx, _ = _conv(grad, turned, 0)
    return dw, g.sum(0), dx


def _pool(x):
    """2x2 max pooling, and the mask of the winners."""
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    top = blocks.max((3, 5), keepdims=True)
    mask = blocks == top
    return top[:, :, :, 0, :, 0], mask / mask.sum((3, 5), keepdims=True)


def logits(p, x):
    """The scores of images x, without dropout."""
    a1 = np.maximum(_conv(x, p["conv1_w"], p["conv1_b"])[0], 0)
    a2 = np.maximum(_conv(a1, p["conv2_w"], p["conv2_b"])[0], 0)
    flat = _pool(a2)[0].reshape(len(x), -1)
    hidden = np.maximum(flat @ p["dense1_w"] + p["dense1_b"], 0)
    return hidden @ p["dense2_w"] + p["dense2_b"]


def gradients(p, x, y, rng, dropout):
    """Gradients of the mean cross-entropy of one mini-batch."""
    n = len(x)
    z1, patches1 = _conv(x, p["conv1_w"], p["conv1_b"])
    a1 = np.maximum(z1, 0)
    z2, patches2 = _conv(a1, p["conv2_w"], p["conv2_b"])
    pooled, mask = _pool(np.maximum(z2, 0))
    flat = pooled.reshape(n, -1)
    z3 = flat @ p["dense1_w"] + p["dense1_b"]
    keep = (rng.random(z3.shape) >= dropout).astype(np.float32) / np.float32(1 - dropout)
    a3 = np.maximum(z3, 0) * keep
    z4 = a3 @ p["dense2_w"] + p["dense2_b"]

    d4 = np.exp(z4 - z4.max(1, keepdims=True))
    d4 /= d4.sum(1, keepdims=True)
    d4[np.arange(n), y] -= 1
    d4 /= n
    d3 = (d4 @ p["dense2_w"].T) * keep * (z3 > 0)
    spread = (d3 @ p["dense1_w"].T).reshape(pooled.shape)[:, :, :, None, :, None] * mask
    d2 = spread.reshape(z2.shape).astype(np.float32) * (z2 > 0)
    dw2, db2, da1 = _conv_back(d2, patches2, p["conv2_w"])
    dw1, db1, _ = _conv_back(da1 * (z1 > 0), patches1, p["conv1_w"])
    return {
        "conv1_w": dw1, "conv1_b": db1, "conv2_w": dw2, "conv2_b": db2,
        "dense1_w": flat.T @ d3, "dense1_b": d3.sum(0),
        "dense2_w": a3.T @ d4, "dense2_b": d4.sum(0),
    }  # fmt: skip


def train(x, y, *, c1, c2, hidden, epochs, batch, rate, decay, dropout, seed):
    """Trains with AdamW and a cosine schedule; the same seed gives the same weights."""
    rng = np.random.default_rng(seed)
    p = init(rng, c1, c2, hidden)
    m = {k: np.zeros_like(v) for k, v in p.items()}
    s = {k: np.zeros_like(v) for k, v in p.items()}
    step, steps = 0, epochs * -(-len(x) // batch)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for i in range(0, len(x), batch):
            pick = order[i : i + batch]
            grads = gradients(p, x[pick], y[pick], rng, dropout)
            step += 1
            lr = rate * (1 + np.cos(np.pi * step / steps)) / 2
            for k, g in grads.items():
                m[k] = 0.9 * m[k] + 0.1 * g
                s[k] = 0.999 * s[k] + 0.001 * g * g
                move = m[k] / (1 - 0.9**step) / (np.sqrt(s[k] / (1 - 0.999**step)) + 1e-8)
                if k.endswith("_w"):
                    move = move + decay * p[k]
                p[k] = (p[k] - lr * move).astype(np.float32)
    return p
