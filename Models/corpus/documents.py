# SPDX-License-Identifier: Apache-2.0
"""Solved examples as one document of the training data.

A document is {"text": …}, of which everything is learned, {"prompt": …, "completion": …}, of which the completion is,
or {"segments": [{"text": …, "learned": …}, …]}. Of a run of examples the answers are learned and nothing else: the
inputs are drawn at random, and what cannot be known drowns what can (MetaICL: loss on the outputs). A prompt ends where
the server ends it, so an answer begins with the space that the model writes; the line feed after it is learned with it,
as that is where an answer stops.
"""

from .formats import gap_of, render, render_chat, chat_messages


def laid_out(format, instruction, pairs):
    """The prompt up to the last answer, and that answer, as the server would ask for it."""
    *examples, (given, wanted) = pairs
    return render(format, instruction, examples, given), gap_of(format) + wanted


def segments(prompts_and_answers, learned=None):
    """One document of growing prompts, each with its answer; each prompt begins with all that stands before it.
    `learned` are the places of the answers that are learned, else all are."""
    pieces, before = [], ""
    for place, (prompt, answer) in enumerate(prompts_and_answers):
        read = prompt[len(before):]
        if before and read.startswith("\n") and not before.endswith("\n"):
            pieces[-1]["text"] += "\n"
            read = read[1:]
        if read:
            pieces.append({"text": read, "learned": False})
        pieces.append({"text": answer, "learned": learned is None or place in learned})
        before = prompt + answer
    return {"segments": pieces}


def text_of(document):
    """All of a document's text."""
    if "segments" in document:
        return "".join(piece["text"] for piece in document["segments"])
    return document.get("prompt", "") + document.get("text", document.get("completion", ""))


def document(format, instruction, pairs, learned=None):
    """Each answer, or those at the places in `learned`, is learned from what stands before it."""
    if len(pairs) == 1:
        prompt, completion = laid_out(format, instruction, pairs)
        return {"prompt": prompt, "completion": completion}
    turns = (laid_out(format, instruction, pairs[:count]) for count in range(1, len(pairs) + 1))
    return segments(turns, learned)


def chat_document(instruction, pairs, learned=None):
    """The same as a conversation in the model's own chat template."""
    turns = []
    for count in range(1, len(pairs) + 1):
        *examples, (given, wanted) = pairs[:count]
        turns.append((render_chat(chat_messages(instruction, examples, given)), wanted + "<|im_end|>\n"))
    if len(turns) == 1:
        return {"prompt": turns[0][0], "completion": turns[0][1]}
    return segments(turns, learned)
