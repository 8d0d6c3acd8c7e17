// The server's public API, as any client would use it.

/** An error that the server answered, with the field it names. */
export class APIError extends Error {
  constructor(error, status) {
    super(error?.message ?? `the server answered ${status}`);
    this.param = error?.param ?? null;
    this.status = status;
  }
}

/** The answer of a GET as JSON. */
export async function get(path) {
  const response = await fetch(path);
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new APIError(body?.error, response.status);
  return body;
}

/** Streams a completion: yields each event's object until the server says that it is done. */
export async function* stream(body, signal) {
  const response = await fetch("/v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new APIError(answer?.error, response.status);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data === "[DONE]") return;
      if (!data) continue;
      const object = JSON.parse(data);
      if (object.error) throw new APIError(object.error, response.status);
      yield object;
    }
  }
}

/** A curl command that sends the same request. */
export function curl(body) {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return `curl ${location.origin}/v1/completions -H 'Content-Type: application/json' -d '${json}'`;
}
