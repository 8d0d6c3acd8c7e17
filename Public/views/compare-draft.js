// SPDX-License-Identifier: Apache-2.0

import { count, list, object, oneOf, settings, text } from "../lib/drafts.js";
import { laneLimit } from "../lib/sweeps.js";

/** A draft of the Compare view from any value. */
export function read(value) {
  const draft = object(value);
  const lanes = list(draft.lanes, laneLimit, (lane) => ({ name: text(lane?.name), settings: settings(lane?.settings) }));
  return {
    prompt: text(draft.prompt),
    shared: settings(draft.shared, { max_tokens: 48, seed: 1 }),
    samples: count(draft.samples, 1, 64, 4),
    reference: text(draft.reference),
    lanes: lanes.length >= 2 ? lanes : [
      { name: "Greedy", settings: { temperature: 0 } },
      { name: "Warm", settings: { temperature: 0.8 } },
      { name: "Hot, tail cut", settings: { temperature: 1.4, min_p: 0.1 } },
    ],
    show: oneOf(draft.show, ["tokens", "words"]),
  };
}
