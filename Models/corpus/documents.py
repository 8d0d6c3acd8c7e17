# SPDX-License-Identifier: Apache-2.0
"""Solved examples as one document of the training data.

A document is {"text": …}, of which everything is learned, or {"prompt": …, "completion": …}, of which the
completion is. A prompt ends where the server ends it, so a completion begins with the space that the model writes.
"""

from .formats import gap_of, render, render_chat, chat_messages


def laid_out(format, instruction, pairs):
    """The prompt up to the last answer, and that answer, as the server would ask for it."""
    *examples, (given, wanted) = pairs
    return render(format, instruction, examples, given), gap_of(format) + wanted


def segments(format, instruction, pairs):
    """The document in pieces, each with whether it is an answer."""
    pieces, before = [], ""
    for count in range(1, len(pairs) + 1):
        prompt, answer = laid_out(format, instruction, pairs[:count])
        pieces += [(prompt[len(before):], False), (answer, True)]
        before = prompt + answer
    return pieces


def document(format, instruction, pairs):
    """One pair alone teaches its answer; several in a row are learned whole, each answer from those before it."""
    prompt, completion = laid_out(format, instruction, pairs)
    if len(pairs) == 1:
        return {"prompt": prompt, "completion": completion}
    return {"text": prompt + completion}


def chat_document(instruction, pairs):
    """The same as a conversation in the model's own chat template."""
    *examples, (given, wanted) = pairs
    prompt, completion = render_chat(chat_messages(instruction, examples, given)), wanted + "<|im_end|>\n"
    if len(pairs) == 1:
        return {"prompt": prompt, "completion": completion}
    pieces, before = [], ""
    for count in range(1, len(pairs) + 1):
        *examples, (given, wanted) = pairs[:count]
        prompt = render_chat(chat_messages(instruction, examples, given))
        pieces += [(prompt[len(before):], False), (wanted + "<|im_end|>\n", True)]
        before = prompt + wanted + "<|im_end|>\n"
    return {"text": before}
