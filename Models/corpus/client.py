# SPDX-License-Identifier: Apache-2.0
"""A running Temper server, asked with the standard library."""

import concurrent.futures
import json
import urllib.error
import urllib.request


class Refused(Exception):
    """The server answered, but not with what was asked for; `code` is the error's, if it has one."""

    def __init__(self, text, code=None):
        super().__init__(text)
        self.code = code


class Server:
    """The server at a URL such as http://127.0.0.1:8080; `key` where it wants one."""

    def __init__(self, url, model=None, key=None):
        self.url, self.model, self.key = url.rstrip("/"), model, key

    def ask(self, path, body=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read(4000).decode(errors="replace")
            try:
                code = json.loads(text)["error"]["code"]
            except (ValueError, KeyError, TypeError):
                code = None
            raise Refused(f"{error.code} for {path}: {text}", code) from None

    def name(self):
        return self.model or self.ask("/v1/models")["data"][0]["id"]

    def texts(self, **body):
        """The texts of all choices."""
        if self.model:
            body["model"] = self.model
        return [choice["text"] for choice in self.ask("/v1/completions", body)["choices"]]

    def answer(self, item, tokens=48):
        """The greedy answer to a question of the evaluation set: its first line; None where the prompt is too long."""
        body = {
            "prompt": item["query"], "examples": item["examples"], "template": item["template"], "temperature": 0,
            "max_tokens": tokens, "stop": ["\n"],
        }
        if item["instruction"]:
            body["instruction"] = item["instruction"]
        try:
            return self.texts(**body)[0].strip()
        except Refused as refusal:
            if refusal.code == "context_length_exceeded":
                return None
            raise

    def answers(self, items, at_once=8):
        """The answers in the order of the questions."""
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.answer, items))
