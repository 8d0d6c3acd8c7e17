// SPDX-License-Identifier: Apache-2.0

import { list, object, oneOf, settings, text } from "../lib/drafts.js";

const roles = ["user", "system", "assistant"];

/** A draft of the Complete view from any value. */
export function read(value) {
  const draft = object(value);
  return {
    mode: oneOf(draft.mode, ["prompt", "chat"]),
    prompt: text(draft.prompt),
    messages: Array.isArray(draft.messages)
      ? list(draft.messages, 4096, (message) => ({ role: oneOf(message?.role, roles), content: text(message?.content) }))
      : [{ role: "user", content: "" }],
    settings: settings(draft.settings, { temperature: 0.8, max_tokens: 64 }),
    shade: oneOf(draft.shade, ["processed", "raw", "off"]),
  };
}
