// SPDX-License-Identifier: Apache-2.0
// The server's public API, as any client would use it.

import { parse, stringify } from "./json.js";

/** What the server, or the way to it, answered instead of what was asked for. */
export class APIError extends Error {
  /** `status` 0: no answer came. `retryAfter` is in seconds. */
  constructor(message, { status = 0, param = null, code = null, retryAfter = null } = {}) {
    super(message);
    this.name = "APIError";
    Object.assign(this, { status, param, code, retryAfter });
  }

  /** The field of the request that is meant: `messages[1].content` is `messages`. */
  get field() {
    return this.param?.match(/^[A-Za-z_]\w*/)?.[0] ?? null;
  }
}

const keyName = "temper.key";

/** The API key of this session, empty if none is needed. It stays in this tab. */
export const key = {
  get: () => sessionStorage.getItem(keyName) ?? "",
  set: (value) => sessionStorage.setItem(keyName, value),
};

async function send(path, body, signal, method = body === undefined ? "GET" : "POST") {
  const headers = {};
  if (key.get()) headers.authorization = `Bearer ${key.get()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method, headers, signal, cache: "no-store", body: body === undefined ? undefined : stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError" || error instanceof RangeError) throw error;
    throw new APIError("The server does not answer. What you typed is kept.");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  const seconds = Number(response.headers.get("retry-after"));
  throw new APIError(answer?.error?.message ?? `The server answered ${response.status}.`, {
    status: response.status, param: answer?.error?.param ?? null, code: answer?.error?.code ?? null,
    retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
  });
}

/** The JSON of a GET. */
export const get = async (path, signal) => parse(await (await send(path, undefined, signal)).text());

/** The text of a GET. */
export const getText = async (path, signal) => (await send(path, undefined, signal)).text();

/** The JSON that answers a POST. */
export const post = async (path, body, signal) => parse(await (await send(path, body, signal)).text());

/** The JSON that answers a request with another method; null for an empty answer. */
export async function call(method, path, body, signal) {
  const text = await (await send(path, body, signal, method)).text();
  return text ? parse(text) : null;
}

/** The objects of the events that answer a POST, until the server says that it is done. */
export async function* stream(path, body, signal) {
  const response = await send(path, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) throw new APIError("The answer broke off: the server ended the connection.");
      text += value;
      let end;
      while ((end = text.indexOf("\n\n")) >= 0) {
        const data = eventData(text.slice(0, end));
        text = text.slice(end + 2);
        if (data === "[DONE]") return;
        if (data === "") continue;
        const object = JSON.parse(data);
        if (object.error) {
          throw new APIError(object.error.message, { param: object.error.param, code: object.error.code });
        }
        yield object;
      }
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof APIError) throw error;
    throw new APIError("The answer broke off: the connection was lost.");
  } finally {
    reader.cancel().catch(() => {});
  }
}

function eventData(event) {
  return event.split("\n").filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(line[5] === " " ? 6 : 5)).join("\n");
}
