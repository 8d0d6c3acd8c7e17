# SPDX-License-Identifier: Apache-2.0
"""The sampling chain in double precision, from its definitions and by sorting the whole vocabulary.

A decision so near that the rounding of a float may take it otherwise raises TooNear; exact ties do not.
"""

import math

import numpy as np

MASK = (1 << 64) - 1
PHI = 0x9E3779B97F4A7C15
NEG = -np.inf
FLOAT_MAX = float(np.finfo(np.float32).max)


class TooNear(Exception):
    pass


class NothingLeft(Exception):
    pass


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def bits(seed, *parts):
    key = mix(seed + PHI & MASK)
    for part in parts:
        key = mix(key + PHI * (part + 1) & MASK)
    return key


def uniform(seed, *parts):
    return ((bits(seed, *parts) >> 12) + 0.5) * 2.0**-52


def mix_array(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hashes(seed, count):
    """One hash per id: what both sides make test logits of."""
    with np.errstate(over="ignore"):
        return mix_array(np.uint64(mix(seed + PHI & MASK)) + np.uint64(PHI) * np.arange(1, count + 1, dtype=np.uint64))


def gumbel(seed, choice, position, ids):
    """The noise of many ids."""
    key = bits(seed, choice, position)
    with np.errstate(over="ignore"):
        b = mix_array(np.uint64(key) + np.uint64(PHI) * (ids.astype(np.uint64) + np.uint64(1)))
    u = ((b >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return -np.log(-np.log(u))


def make_logits(spec):
    """A vector of float32 from its specification; every value is exact in both languages."""
    size, kind = spec["size"], spec["kind"]
    h = hashes(spec["seed"], size)
    parts = sum(((h >> np.uint64(16 * k)) & np.uint64(0xFFFF)).astype(np.int64) for k in range(4))
    bell = (parts - 131070).astype(np.float32) * np.float32(2.0 ** spec["scale"])
    if kind == "bell":
        return bell
    if kind == "steps":
        return (np.floor(bell * 2) / 2).astype(np.float32)
    if kind == "peak":
        bell[spec["seed"] % size] += np.float32(spec.get("height", 16))
        return bell
    if kind == "holes":
        bell[(h & np.uint64(3)) == 0] = NEG
        return bell
    if kind == "equal":
        return np.full(size, -3.25, dtype=np.float32)
    if kind == "alone":
        out = np.full(size, NEG, dtype=np.float32)
        out[spec["seed"] % size] = 1.5
        return out
    raise ValueError(kind)


class Chain:
    """The candidates (`ids`, sorted by logit descending and id ascending, with `logits`) on their way."""

    def __init__(self, raw, prompt, output, size, dice, state=None):
        self.all = raw.astype(np.float64).copy()
        self.raw = raw
        self.prompt, self.output, self.size, self.dice = prompt, output, size, dice
        self.eps = 1e-9
        self.state = state
        self.order = "temper"
        self.reference = None
        self.update()

    def update(self):
        self.all[self.all < -FLOAT_MAX] = NEG
        if np.any(self.all > FLOAT_MAX):
            raise TooNear  # Beyond the range of a float.
        ids = np.flatnonzero(self.all > NEG)
        if not len(ids):
            raise NothingLeft
        self.ids = ids[np.lexsort((ids, -self.all[ids]))]
        self.logits = self.all[self.ids]

    def edited(self):
        self.eps = 2e-6
        self.update()

    # Statistics of what is left.
    def p(self):
        w = np.exp(self.logits - self.logits[0])
        return w / w.sum()

    def log_sum(self):
        return self.logits[0] + math.log(np.exp(self.logits - self.logits[0]).sum())

    def entropy(self):
        p, surprise = self.p(), self.log_sum() - self.logits
        return max(0.0, float((p * surprise).sum()))

    def keep_first(self, count, checked=True):
        if checked and count < len(self.ids):
            a, b = self.logits[count - 1], self.logits[count]
            if a != b and a - b <= self.eps * max(1, abs(a)):
                raise TooNear
        self.drop(self.ids[count:])

    def drop(self, ids):
        self.all[ids] = NEG
        self.update()

    def threshold(self, limit):
        limit = min(limit, self.logits[0])
        near = np.abs(self.logits - limit) <= max(self.eps, 1e-9) * max(1, abs(limit))
        if np.any(near & (self.logits != self.logits[0])):
            raise TooNear
        self.drop(self.ids[self.logits < limit])

    # Stages, by name.
    def apply(self, name, a):
        getattr(self, name)(a)

    def logit_bias(self, a):
        for i, b in a["bias"]:
            if i < self.size:
                self.all[i] += b
        self.edited()

    def history(self):
        return self.prompt + self.output

    def sequence_bias(self, a):
        for sequence, b in a["biases"]:
            if ends_with(self.history(), sequence[:-1]) and sequence[-1] < self.size:
                self.all[sequence[-1]] += b
        self.edited()

    def bad_words(self, a):
        banned = [s[-1] for s in a["sequences"] if ends_with(self.history(), s[:-1]) and s[-1] < self.size]
        self.drop(banned)

    def allowed_token_ids(self, a):
        self.drop(np.setdiff1d(np.arange(self.size), a["ids"]))

    def suppress_tokens(self, a):
        self.drop([i for i in a["ids"] if i < self.size])

    def min_tokens(self, a):
        if len(self.output) < a["count"]:
            self.drop(a["ids"])

    def counted(self, a, default):
        scope, window = a.get("scope", default[0]), a.get("window", default[1])
        text = {"prompt": self.prompt, "output": self.output, "both": self.history()}[scope]
        if window is not None:
            text = text[max(0, len(text) - window):]
        return [i for i in text if i < self.size]

    def repetition_penalty(self, a):
        default = {"llama.cpp": ("both", 64), "mlx": ("both", 20)}.get(self.order, ("both", None))
        for i in set(self.counted(a, default)):
            self.all[i] = self.all[i] * a["penalty"] if self.all[i] < 0 else self.all[i] / a["penalty"]
        self.edited()

    def occurrence_default(self):
        return {"llama.cpp": ("both", 64), "mlx": ("both", 20)}.get(self.order, ("output", None))

    def frequency_penalty(self, a):
        for i in self.counted(a, self.occurrence_default()):
            self.all[i] -= a["penalty"]
        self.edited()

    def presence_penalty(self, a):
        for i in set(self.counted(a, self.occurrence_default())):
            self.all[i] -= a["penalty"]
        self.edited()

    def no_repeat_ngram(self, a):
        n, text = a["size"], self.history()
        if len(text) >= n:
            grams = [text[i:i + n] for i in range(len(text) - n + 1)]
            end = text[len(text) - n + 1:]
            self.drop([g[-1] for g in grams if g[:-1] == end and g[-1] < self.size])

    def dry(self, a):
        text = self.history()
        if a.get("window") is not None:
            text = text[max(0, len(text) - a["window"]):]
        allowed, breakers = a["allowed_length"], a.get("breakers", [])
        if len(text) <= allowed:
            return
        limit = len(text)
        for start in range(len(text) - 1, -1, -1):  # The last place at which a breaker stands.
            found = [b for b in breakers if text[start:start + len(b)] == b]
            if found:
                limit = len(text) - start - max(len(b) for b in found)
                break
        if limit < allowed:
            return
        longest = {}
        for end in range(len(text) - 1):  # The suffix occurs before text[end + 1].
            length = 0
            while length <= end and text[end - length] == text[len(text) - 1 - length]:
                length += 1
            length = min(length, limit)
            if length >= allowed:
                longest[text[end + 1]] = max(longest.get(text[end + 1], 0), length)
        for i, length in longest.items():
            if i < self.size and [i] not in breakers:
                self.all[i] -= a["multiplier"] * a["base"] ** (length - allowed)
        self.edited()

    def exponential_decay_length_penalty(self, a):
        excess = len(self.output) - a["start"]
        if excess > 0:
            for i in a["ids"]:
                if self.all[i] > NEG:
                    self.all[i] += abs(self.all[i]) * (a["factor"] ** excess - 1)
            self.edited()

    def temperature(self, a):
        t = a["temperature"]
        if self.order == "vllm" and t < 0.01:
            t = 0 if t < 1e-5 else 0.01
        if a.get("range", 0) > 0:
            if len(self.ids) == 1:
                return
            low, high = max(0, t - a["range"]), t + a["range"]
            share = min(1.0, self.entropy() / math.log(len(self.ids)))
            t = low + (high - low) * share ** a.get("exponent", 1)
        if t == 0:
            self.drop(self.ids[1:])
            return
        with np.errstate(over="ignore", invalid="ignore"):
            self.all = np.where(self.all > NEG, (self.all - self.logits[0]) / t, NEG)
        self.edited()

    def quadratic(self, a):
        s, c = a["factor"], a["curve"]
        d = self.all - self.logits[0]
        k, q = (3 - c) / 2, (c - 1) / 2
        with np.errstate(invalid="ignore"):
            self.all = np.where(self.all > NEG, self.logits[0] - k * s * d**2 + q * s * d**3, NEG)
        self.edited()

    def top_k(self, a):
        k = a["k"]
        if k < len(self.ids):
            if self.order in ("hf", "vllm"):
                k = int((self.logits >= self.logits[k - 1]).sum())
            self.keep_first(k)

    def top_p(self, a):
        mass = np.cumsum(self.p())
        if np.any(np.abs(mass[:-1] - a["p"]) < max(1e-7, self.eps)):
            raise TooNear
        self.keep_first(min(int(np.searchsorted(mass, a["p"])) + 1, len(self.ids)))

    def min_p(self, a):
        self.threshold(self.logits[0] + math.log(a["p"]))

    def typical_p(self, a):
        center = self.log_sum() - self.entropy()
        away = np.abs(self.logits - center)
        order = np.lexsort((self.ids, -self.logits, away))
        mass = np.cumsum(self.p()[order])
        if np.any(np.abs(mass[:-1] - a["p"]) < max(1e-7, self.eps)):
            raise TooNear
        count = min(int(np.searchsorted(mass, a["p"])) + 1, len(order))
        if count < len(order):
            last, first = order[count - 1], order[count]
            if self.logits[last] != self.logits[first] and away[first] - away[last] <= 1e-6 * max(1, away[last]):
                raise TooNear
            if self.order == "hf":
                count = int((away <= away[last]).sum())
        self.drop(self.ids[order[count:]])

    def top_n_sigma(self, a):
        self.threshold(self.logits[0] - a["n"] * float(np.std(self.logits)))

    def top_h(self, a):
        if self.order == "hf" and len(self.ids) > 100:
            self.keep_first(100)
        terms = self.p() * (self.log_sum() - self.logits)
        sums = np.cumsum(np.maximum(terms, 0))
        limit = a["h"] * sums[-1]
        if np.any(np.abs(sums[:-1] - limit) < max(1e-7, self.eps)) and sums[-1] > 0:
            raise TooNear
        self.keep_first(max(1, int((sums <= limit + 1e-15).sum())))

    def epsilon_cutoff(self, a):
        self.threshold(math.log(a["cutoff"]) + self.log_sum())

    def eta_cutoff(self, a):
        eta = min(a["cutoff"], math.sqrt(a["cutoff"]) * math.exp(-self.entropy()))
        self.threshold(math.log(eta) + self.log_sum())

    def tfs(self, a):
        if len(self.ids) < 3:
            return
        bend = np.abs(np.diff(self.p(), 2))
        if bend.sum() == 0:
            return
        sums = np.cumsum(bend) / bend.sum()
        if np.any(np.abs(sums - a["z"]) < max(1e-9, self.eps)):
            raise TooNear
        self.keep_first(1 + int((sums <= a["z"]).sum()))

    def top_a(self, a):
        self.threshold(math.log(a["a"] * self.p()[0] ** 2) + self.log_sum())

    def xtc(self, a):
        if self.dice >= a["probability"]:
            return
        limit = math.log(a["threshold"]) + self.log_sum()
        if np.any(np.abs(self.logits - limit) <= max(self.eps, 1e-9) * max(1, abs(limit))):
            raise TooNear
        count = int((self.logits >= limit).sum())
        if count > 1:
            self.drop(self.ids[:count - 1])

    def watermark(self, a):
        text = self.history()
        if text:
            seed = a["key"] * text[-1] % (2**64 - 1)
            self.all[permutation(self.size, seed, int(self.size * a["ratio"]))] += a["bias"]
            self.edited()

    def mirostat(self, a):
        tau, eta = a["tau"], a["eta"]
        mu = 2 * tau if self.state is None else self.state
        self.reference = self.log_sum()
        if a["version"] == 2:
            self.threshold(self.reference - mu * math.log(2))
            if self.logits[0] < self.reference - mu * math.log(2):
                self.keep_first(1, checked=False)
        elif len(self.ids) > 1:
            top = self.logits[:100]
            t = np.log(np.arange(2, len(top) + 1) / np.arange(1, len(top)))
            s = float((t * -np.diff(top)).sum() / (t * t).sum())
            e = s - 1
            scale = 1 / math.log(self.size) if abs(e) < 1e-9 else e / (1 - float(self.size) ** -e)
            base = scale * 2.0**mu
            if s == 0:
                k = 0 if base < 1 else len(self.ids)
            else:
                k = math.exp(min(math.log(base) / s, 700))
            if abs(k - round(k)) < 1e-6 and 1 <= k < len(self.ids):
                raise TooNear
            self.keep_first(min(max(1, int(k)), len(self.ids)))

        def update(index):
            log_sum = self.log_sum() if self.order == "llama.cpp" else self.reference
            return mu - eta * ((log_sum - self.logits[index]) / math.log(2) - tau)
        self.feedback = update

    def adaptive_p(self, a):
        target, decay = a["target"], a["decay"]
        total, weight = (target / (1 - decay), 1 / (1 - decay)) if self.state is None else self.state
        adapted = min(max(2 * target - total / weight, 0), 1)
        original = np.zeros(self.size)
        original[self.ids] = self.p()
        x = np.abs(original - adapted) / 0.3
        self.all = np.where(self.all > NEG, 5 - 10 * x * x / (1 + x), NEG)
        self.edited()
        self.feedback = lambda index: (original[self.ids[index]] + decay * total, 1 + decay * weight)


def ends_with(text, suffix):
    return len(suffix) <= len(text) and text[len(text) - len(suffix):] == suffix


def twister(seed):
    state = [seed & 0xFFFFFFFF]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & 0xFFFFFFFF)
    while True:
        for k in range(624):
            y = (state[k] & 0x80000000) | (state[(k + 1) % 624] & 0x7FFFFFFF)
            state[k] = state[(k + 397) % 624] ^ (y >> 1) ^ (0x9908B0DF if y & 1 else 0)
        for y in state:
            y ^= y >> 11
            y ^= (y << 7) & 0x9D2C5680
            y ^= (y << 15) & 0xEFC60000
            yield y ^ (y >> 18)


def permutation(size, seed, count):
    """The first ids of torch.randperm."""
    ids, draws = list(range(size)), twister(seed)
    for i in range(min(count, size - 1)):
        j = i + next(draws) % (size - i)
        ids[i], ids[j] = ids[j], ids[i]
    return ids[:count]


ORDERS = {
    "temper": """logit_bias sequence_bias repetition_penalty frequency_penalty presence_penalty no_repeat_ngram dry
        exponential_decay_length_penalty watermark bad_words suppress_tokens allowed_token_ids min_tokens temperature
        quadratic top_n_sigma top_k top_p min_p typical_p top_h epsilon_cutoff eta_cutoff tfs top_a xtc mirostat
        adaptive_p""",
    "llama.cpp": """logit_bias repetition_penalty frequency_penalty presence_penalty dry top_n_sigma top_k typical_p
        top_p min_p xtc temperature mirostat adaptive_p""",
    "vllm": """allowed_token_ids bad_words min_tokens logit_bias repetition_penalty frequency_penalty presence_penalty
        temperature min_p top_k top_p""",
    "hf": """sequence_bias repetition_penalty no_repeat_ngram bad_words min_tokens exponential_decay_length_penalty
        suppress_tokens temperature top_h top_k top_p min_p typical_p epsilon_cutoff eta_cutoff watermark""",
    "mlx": """logit_bias repetition_penalty presence_penalty frequency_penalty top_p min_p top_k temperature""",
}
ORDERS = {name: stages.split() for name, stages in ORDERS.items()}


WARPERS = """temperature quadratic top_h top_k top_p min_p typical_p epsilon_cutoff eta_cutoff top_n_sigma tfs top_a xtc
    mirostat adaptive_p""".split()


def run(raw, stages, order="temper", names=None, prompt=(), output=(), dice=0.0, state=None):
    """Runs `stages`, a map of names to arguments, in the sequence of `order` or of `names`."""
    chain = Chain(raw, list(prompt), list(output), len(raw), dice, state)
    chain.order = order
    names = names or ORDERS[order]
    assert set(stages) <= set(names), stages
    if order == "llama.cpp" and "mirostat" in stages:
        names = [n for n in names if n in ("logit_bias", "temperature", "mirostat")]
    if order == "hf" and stages.get("temperature", {}).get("temperature") == 0:
        # No sampling: no warper runs, and the likeliest is taken last.
        names = [n for n in names if n not in WARPERS] + ["temperature"]
    for name in names:
        if name in stages:
            chain.apply(name, stages[name])
    return chain


def draw(chain, seed, choice, position):
    """The place among `chain.ids` of the id that is drawn."""
    scores = chain.logits + gumbel(seed, choice, position, chain.ids)
    best = np.argsort(-scores)[:2]
    if len(best) > 1 and scores[best[0]] - scores[best[1]] < 1e-5:
        raise TooNear
    return int(best[0])
