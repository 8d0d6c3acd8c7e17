# SPDX-License-Identifier: Apache-2.0
"""How instruction, examples and query become one text: what Temper's server does with `template`.

`render` gives the same text as Sources/Prompting/Shots/ShotPrompt.swift for the same parts; a test asks a running
server. `BUILT_IN` are the server's own templates, the others are sent as objects.
"""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Format:
    """The members of the request field `template`."""

    example: str
    separator: str = "\n\n"
    instruction: str = "{instruction}"
    query: str = ""  # empty: the example's text before {output}, without white space at its end
    name: str = ""  # of a built-in template

    @property
    def field(self):
        """The value of the request field."""
        if self.name:
            return self.name
        parts = {"example": self.example, "separator": self.separator, "instruction": self.instruction}
        return parts | ({"query": self.query} if self.query else {})


BUILT_IN = {
    "qa": Format("Q: {input}\nA: {output}", name="qa"),
    "input_output": Format("Input: {input}\nOutput: {output}", name="input_output"),
    # the query keeps its line feed, which a derived one would lose
    "plain": Format("{input}\n{output}", query="{input}\n", name="plain"),
}

TRAINED = (
    Format("{input} -> {output}", "\n"),
    Format("{input} = {output}", "\n"),
    Format("{input}: {output}", "\n"),
    Format("{input} | {output}", "\n"),
    Format("[{input}] {output}", "\n"),
    Format("* {input} / {output}", "\n"),
    Format("{input} -> {output}", "\n\n"),
    Format("{input} is {output}", "\n"),
    Format("Question: {input}\nAnswer: {output}", instruction="Task: {instruction}"),
    Format("Text: {input}\nLabel: {output}", instruction="Instruction: {instruction}"),
    Format("Word: {input}\nAnswer: {output}", "\n\n"),
    Format("Input: {input}\nOutput: {output}", "\n"),
    Format("Q: {input}\nA: {output}", "\n"),
    Format("Given: {input}\nResult: {output}", "\n---\n", instruction="{instruction}"),
    Format("X: {input}\nY: {output}", "\n\n", instruction="# {instruction}"),
    Format("Item: {input}\nClass: {output}", "\n"),
    Format("<{input}> {output}", "\n"),
)

HELD_OUT = (
    Format("{input} => {output}", "\n"),
    Format("({input}) {output}", "\n"),
    Format("{input} ~ {output}", "\n"),
    Format("Example: {input}\nReply: {output}", "\n\n"),
    Format("Thing: {input}\nName: {output}", "\n"),
    Format("+ {input} + {output}", "\n", instruction="Rule: {instruction}"),
)

_OPENINGS = ("", "", "", "(", "[", "<", "{{", "+ ", "* ", "- ", "# ", "~ ", "= ", "> ", "| ", "/ ", "\"", "$ ", "& ")
_CLOSINGS = ("", "", "", ")", "]", ">", "}}", "\"", ",", ";", ".")
_SIGNS = (":", "=", "->", "=>", "~", "+", "|", "/", "-", ">", "*", "#", "&", "%", "::", "--", "==", ">>", "~>", "...")
_NAMES = (
    "Example", "Reply", "Thing", "Name", "Say", "Word", "Given", "Answer", "Text", "Group", "Left", "Right", "First",
    "Second", "Key", "Value", "Task", "Result", "Kind", "Sort", "One", "Two", "Here", "There", "In", "Out", "From", "To",
)


def drawn(draw):
    """A format made up for one document, none of those that are held out."""
    while True:
        if draw.chance(0.4):
            first, second = draw.some(_NAMES, 2)
            example = f"{first}: {{input}}{draw.pick((chr(10), chr(10), ' '))}{second}: {{output}}"
        else:
            sign = draw.pick(_SIGNS)
            between = draw.pick((" ", f" {sign} ", f" {sign} ", f"{sign} ", f" {sign}\n", "\n"))
            example = f"{draw.pick(_OPENINGS)}{{input}}{draw.pick(_CLOSINGS)}{between}{{output}}"
        format = Format(example, draw.pick(("\n", "\n", "\n\n", "\n---\n")))
        if not any(_looks_like(held, format) for held in HELD_OUT):
            return format


def _looks_like(held, format):
    """Whether an example in one format could be read as one of the other."""
    head, between = re.split(r"\{input\}|\{output\}", held.example)[:2]
    return re.search(rf"^{re.escape(head)}.+?{re.escape(between)}", format.example, re.MULTILINE) is not None


_SLOT = re.compile(r"\{\{|\}\}|\{(\w+)\}")


def _fill(text, **values):
    return _SLOT.sub(lambda found: values[found[1]] if found[1] else found[0][0], text)


def query_of(format):
    return format.query or format.example[: format.example.index("{output}")].rstrip()


def gap_of(format):
    """What a model writes between the query's end and the answer: the space that the query leaves out."""
    cue = format.example[: format.example.index("{output}")]
    shown = query_of(format)
    return cue[len(shown):] if cue.startswith(shown) else ""


def render(format, instruction, examples, query):
    """The prompt for pairs of input and output, ending where the answer begins."""
    blocks = [_fill(format.instruction, instruction=instruction)] if instruction else []
    blocks += [_fill(format.example, input=given, output=wanted) for given, wanted in examples]
    blocks.append(_fill(query_of(format), input=query))
    return _fill(format.separator).join(blocks)


def chat_messages(instruction, examples, query):
    """The same as a conversation: what the server makes of the fields on its chat route."""
    messages = [{"role": "system", "content": instruction}] if instruction else []
    for given, wanted in examples:
        messages.append({"role": "user", "content": given})
        messages.append({"role": "assistant", "content": wanted})
    return [*messages, {"role": "user", "content": query}]


CHAT_TEMPLATE = (
    r"{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' "
    r"+ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def render_chat(messages, open_turn=True):
    """ChatML without a system message of its own, as CHAT_TEMPLATE has it."""
    turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(turns) + ("<|im_start|>assistant\n" if open_turn else "")
