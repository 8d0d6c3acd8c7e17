# SPDX-License-Identifier: Apache-2.0
"""Random JSON schemas within what the server honours, and random values for them; the same for the same seed."""

import random

PATTERNS = [
    ("^[a-z]{2,8}$", ["ab", "temper", "abcdefgh"]),
    ("^(yes|no|maybe)$", ["yes", "no", "maybe"]),
    ("^[A-Z][a-z]*( [A-Z][a-z]*)?$", ["A", "Ada", "Ada Byron"]),
    ("^\\d{3}-\\d{4}$", ["555-0100"]),
    ("^#[0-9a-fA-F]{6}$", ["#a0B1c2"]),
    ("^\\$[1-9]\\d{0,3}\\.\\d\\d$", ["$1.50", "$9999.99"]),
    ("^[^\"\\\\]{1,6}$", ["a b", "é!"]),
    ("^(\"\\w{1,9}\")$", ["\"hi\""]),
    ("o.*e|^x", ["xxxx", "to be", "x\"\n!", "noöne"]),
]
FORMATS = {
    "date": ["2024-02-29", "1999-12-31", "0001-01-01"],
    "time": ["12:30:00Z", "23:59:59.25+02:00"],
    "date-time": ["2000-02-29T00:00:00Z", "2023-06-15T08:09:10.5-03:30"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
    "ipv4": ["0.0.0.0", "192.168.1.255"],
    "email": ["a.b@example.org"],
    "hostname": ["example", "a-b.example.org"],
    "duration": ["P3D", "P1Y2M", "PT1H30M", "P2W"],
}
WORDS = ["name", "age", "id", "tags", "city", "kind", "value", "a", "b", "größe", "first name", "x\"y"]


class Schemas:
    """Makes one schema after the other."""

    def __init__(self, seed, bounded=True):
        self.random = random.Random(seed)
        # whether strings and arrays end soon
        self.bounded = bounded

    def schema(self):
        kind = self.random.random()
        if kind < 0.08:
            return self.recursive()
        if kind < 0.7:
            return self.object(2)
        return self.any(2)

    def any(self, depth):
        makers = [self.string, self.string, self.integer, self.number, self.enum, self.plain]
        if depth > 0:
            makers += [self.object, self.object, self.array, self.any_of]
        return self.random.choice(makers)(depth - 1)

    def plain(self, _):
        return self.random.choice([
            {"type": "boolean"}, {"type": "null"}, {"const": 3.5}, {"const": {"k": ["v", None, True]}},
            {"type": ["integer", "null"]}, {"type": ["boolean", "number"], "minimum": 0},
        ])

    def enum(self, _):
        values = ["red", "green", "it's \"blue\"", 1, -2.5, None, True, [1, "two"], {"a": 1}, "ü"]
        schema = {"enum": self.random.sample(values, self.random.randint(1, 4))}
        if all(isinstance(value, str) for value in schema["enum"]):
            schema["type"] = "string"
        return schema

    def string(self, _):
        kind = self.random.random()
        if kind < 0.25:
            schema = {"type": "string", "pattern": self.random.choice(PATTERNS)[0]}
            return schema | {"minLength": 4, "maxLength": 9} if schema["pattern"].startswith("o") else schema
        if kind < 0.45:
            return {"type": "string", "format": self.random.choice(sorted(FORMATS))}
        low = self.random.randint(0, 4)
        if kind < 0.9 or self.bounded:
            return {"type": "string", "minLength": low, "maxLength": low + self.random.randint(0, 12)}
        return {"type": "string"}

    def integer(self, _):
        schema = {"type": "integer"}
        if self.random.random() < 0.15:
            return schema | {"multipleOf": self.random.choice([2, 7, 100]), "minimum": self.random.randint(-300, 50)}
        low = self.random.choice([-1000, -12, -1, 0, 1, 7, 99, 1234567])
        self.bounds(schema, low, low + self.random.choice([0, 1, 5, 10, 100, 98765]), 1)
        return schema

    def number(self, _):
        schema = {"type": "number"}
        if self.random.random() < 0.1:
            return schema | {"multipleOf": 0.25, "maximum": 7.5}
        low = self.random.choice([-273.15, -1, -0.5, 0, 0.001, 1.5, 1e3])
        self.bounds(schema, low, low + self.random.choice([0.25, 1, 3.125, 100, 1e6]), 0)
        return schema

    def bounds(self, schema, low, high, room):
        if self.random.random() < 0.6:
            exclusive = high - low > room and self.random.random() < 0.4
            schema["exclusiveMinimum" if exclusive else "minimum"] = low
            low += room if exclusive else 0
        if self.random.random() < 0.6:
            exclusive = high - low > room and self.random.random() < 0.4
            schema["exclusiveMaximum" if exclusive else "maximum"] = high

    def object(self, depth):
        names = self.random.sample(WORDS, self.random.randint(0 if depth < 1 else 1, 4))
        schema = {"type": "object", "properties": {name: self.any(depth) for name in names}}
        required = [name for name in names if self.random.random() < 0.6]
        if required:
            schema["required"] = required
        more = self.random.random()
        if more < 0.5:
            schema["additionalProperties"] = False
        elif more < 0.6 and not self.bounded:
            schema["additionalProperties"] = self.any(0)
        elif not names:
            schema["additionalProperties"] = False
        return schema

    def array(self, depth):
        schema = {"type": "array"}
        if self.random.random() < 0.25:
            schema["prefixItems"] = [self.any(0) for _ in range(self.random.randint(1, 2))]
            schema["items"] = False if self.random.random() < 0.5 else self.any(0)
        else:
            schema["items"] = self.any(depth)
        low = self.random.randint(0, 2)
        if schema["items"] is False:
            schema["minItems"] = len(schema["prefixItems"])
            return schema
        schema["minItems"] = low
        if self.bounded or self.random.random() < 0.8:
            schema["maxItems"] = low + self.random.randint(len(schema.get("prefixItems", [])), 3)
        return schema

    def any_of(self, depth):
        return {"anyOf": [self.any(depth) for _ in range(self.random.randint(2, 3))]}

    def recursive(self):
        node = {
            "type": "object",
            "properties": {
                "value": self.any(0),
                "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
        if self.random.random() < 0.5:
            node["properties"]["next"] = {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 1}
        return {"$defs": {"node": node}, "$ref": "#/$defs/node"}


class Values:
    """Makes values that ought to be valid, in the order in which the server writes them."""

    def __init__(self, seed, root):
        self.random = random.Random(seed)
        self.root = root

    def value(self, schema, depth=0):
        if "$ref" in schema:
            return self.value(self.root["$defs"]["node"], depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if "anyOf" in schema:
            return self.value(schema["anyOf"][0] if depth > 2 else self.random.choice(schema["anyOf"]), depth)
        kind = schema["type"]
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        return getattr(self, kind)(schema, depth)

    def null(self, *_):
        return None

    def boolean(self, *_):
        return self.random.random() < 0.5

    def string(self, schema, _):
        if "pattern" in schema:
            return self.random.choice(dict(PATTERNS)[schema["pattern"]])
        if "format" in schema:
            return self.random.choice(FORMATS[schema["format"]])
        low = schema.get("minLength", 0)
        length = self.random.randint(low, schema.get("maxLength", low + 20))
        return "".join(self.random.choice("abc XYZ09 .\"\\/\n\té😀\u2028") for _ in range(length))

    def range(self, schema, step):
        low = schema.get("minimum", schema.get("exclusiveMinimum", None))
        high = schema.get("maximum", schema.get("exclusiveMaximum", None))
        low = (high - 50 if high is not None else -50) if low is None else low
        high = low + 100 if high is None else high
        return low + (step if "exclusiveMinimum" in schema else 0), high - (step if "exclusiveMaximum" in schema else 0)

    def integer(self, schema, _):
        if "multipleOf" in schema:
            step = schema["multipleOf"]
            return (-(-schema["minimum"] // step) + self.random.randint(0, 50)) * step
        return self.random.randint(*self.range(schema, 1))

    def number(self, schema, _):
        if "multipleOf" in schema:
            return schema["maximum"] - self.random.randint(0, 99) * schema["multipleOf"]
        low, high = self.range(schema, 0.0625)
        return round(low if self.random.random() < 0.2 else self.random.uniform(low, high), 4)

    def object(self, schema, depth):
        names = [
            name for name in schema.get("properties", {})
            if name in schema.get("required", []) or self.random.random() < 0.5
        ]
        found = {name: self.value(schema["properties"][name], depth + 1) for name in names}
        if isinstance(schema.get("additionalProperties"), dict):
            for name in self.random.sample(["other", "nam", "names", ""], self.random.randint(0, 2)):
                found[name] = self.value(schema["additionalProperties"], depth + 1)
        return found

    def array(self, schema, depth):
        first = schema.get("prefixItems", [])
        found = [self.value(item, depth + 1) for item in first]
        if schema["items"] is False:
            return found
        low = max(schema.get("minItems", 0), len(first))
        count = low if depth > 2 else self.random.randint(low, schema.get("maxItems", low + 3))
        return found + [self.value(schema["items"], depth + 1) for _ in range(count - len(first))]


def spoilt(value, source):
    """A value that differs in one place, or None if there is no place."""
    value = [value]
    places = []

    def walk(holder):
        for key in range(len(holder)) if isinstance(holder, list) else list(holder):
            places.append((holder, key))
            if isinstance(holder[key], (list, dict)):
                walk(holder[key])

    walk(value)
    holder, key = source.choice(places)
    old = holder[key]
    if isinstance(old, dict) and old and source.random() < 0.5:
        del old[source.choice(sorted(old))]
    elif isinstance(old, dict) and source.random() < 0.5:
        old["unexpected"] = 1
    elif isinstance(old, list) and source.random() < 0.5:
        old.append(None) if source.random() < 0.5 or not old else old.pop()
    else:
        options = [None, True, 0, -1, 10 ** 9, 0.5, "", "é" * 40, [], {}, "x"]
        if isinstance(old, (int, float)):
            options += [old + 1, old - 1, -old, old * 1000]
        if isinstance(old, str):
            options += [old + "!", old[1:], old.upper()]
        holder[key] = source.choice(options)
    return value[0]
