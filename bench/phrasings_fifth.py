# ruff: noqa: E501
"""A fifth, smaller set of wordings, independent of the others: see ``phrasings`` for the fields."""

from __future__ import annotations

EMPTY = (
    "I apologize, but I'm unable to process this.", "...\n...", "Please provide more context.", "🤷", "TBD",
    "[REDACTED]", "Loading", "I was not able to complete the task.",
)  # fmt: skip

NUMBER = {
    "sentence": (
        "You'll need {a}.", "There'd be {a} of them by then.", "So she's left with {a}. Hope that clears it up!",
        "By my count, that's {a}.", "El resultado es {a}.", "My calculation says {a}.",
    ),
    "units": ("{t} {u} 🎉", "That'll be ${t}.", "The bill: ${t}.00", "Roughly speaking, {t} {u}.", "→ {t} {u}"),
    "markdown": (
        "**{a}** {u} 👍\n\n*(see the steps above)*", "| | |\n|---|---|\n| **Final answer** | {a} |",
        "### 🧾 Summary\n- First: {o}\n- Second: {p}\n- **Result: {a}**", "🔢 **Answer**: {a}",
    ),
    "latex": ("$$\\boxed{{\\text{{{a} {u}}}}}$$", "\\[ \\therefore \\; {a} \\]", "$\\large {a}$"),
    "reasoning": (
        "Hmm, {o}? No — I skipped a step. It's {a}.", "You might expect {o}, yet the result is {a}.",
        "{o} would be the answer if nobody left, but since some do, it's {a}.",
        "Answer: {o}\n\nEdit: I misread the question. Answer: {a}",
        "Quick check: {o} is too low, {p} doesn't fit, {a} works. So the answer's {a}.",
    ),
    "twice": ("{a}! So, {a} it is.", "{a}\n\n(That's {w}.)"),
    "contradiction": ("{a}, or {o}, depending on rounding.", "Maybe {a}, maybe {o}."),
    "other case": ("FINAL RESULT: {a}", "THE TOTAL IS {V} {U}"),
}  # fmt: skip

CHOICE = {
    "sentence": (
        "I'd lean towards {a}.", "Looks like {a} to me.", "{a} makes the most sense.", "The answer has to be {a}!",
        "Clearly {a}.", "La opción correcta es la {a}.", "{a} is what the question is after.",
    ),
    "units": ("Answer: [{a}]", "➡️ {a}", "{a}. “{t}”", "({a}) — {t}", '{{"final_answer": "{a}"}}', "Pick: {a}"),
    "markdown": (
        "🔹 **Answer: {a}**", "✔️ **{a}) {t}**", "### Answer\n`{a}`",
        "| # | OK? |\n|---|---|\n| {o} | ✗ |\n| {a} | ✓ |\n| {p} | ✗ |",
    ),
    "latex": ("$$\\boxed{{\\textbf{{{a}}}}}$$ 🎯", "\\[\\boxed{{\\text{{Answer: {a}}}}}\\]"),
    "reasoning": (
        "{o} almost works, but it ignores the facts; {a} doesn't. Go with {a}.",
        "Not {o}, since the rule is narrower. Not {p} either. {a}!",
        "Answer: {o}\n\nEdit: I misread the question. Answer: {a}",
        "You might expect {o}, yet the correct one is {a}.",
        "{o}: unsupported. {p}: unsupported. {a}: supported by the facts. So the answer's {a}.",
    ),
    "twice": ("{a}! The answer: {a}.", "{a}. {t}\n\n(So: {a}.)"),
    "contradiction": ("{a} or possibly {o}.", "Maybe {a}, maybe {o}."),
    "other case": ("my answer is {l}.", "FINAL: {a}"),
}  # fmt: skip

YESNO = {
    "sentence": (
        "I'd go with {l}.", "Looks like a {l} to me.", "{a}, as far as I can tell.", "Clearly {l}.",
        "The answer has to be {l}!", "I'd have to say {l} here.", "{a}, I'm afraid.",
    ),
    "units": ("➡️ {a}", "Answer: [{a}]", '{{"final_answer": "{a}"}}', "{a} 🙂", "Pick: {a}"),
    "markdown": (
        "🔹 **Answer: {a}**", "### Answer\n`{a}`", "| Label |\n|---|\n| {a} |", "**{a}** 👍\n\n*Short and clear.*",
    ),
    "latex": ("$$\\boxed{{\\textbf{{{a}}}}}$$ 🎯", "\\[\\boxed{{\\text{{Answer: {a}}}}}\\]"),
    "reasoning": (
        "You might expect {xl}, yet the answer is {l}.",
        "Answer: {x}\n\nEdit: I misread the text. Answer: {a}",
        "{x} would be the answer if the clause were broader. As it stands, {l}.",
        "Hmm, {xl}? I don't think so. The answer's {l}.",
        "Step 1: read the text. Step 2: compare it with the question. Step 3: decide. → {a}",
    ),
    "twice": ("{a}! The answer: {l}.", "{a}\n\n(So: {l}.)"),
    "contradiction": ("Maybe {l}, maybe {xl}.", "{a} or {xl}, depending on the reading."),
    "other case": ("my answer is {A}.", "FINAL: {A}"),
}  # fmt: skip

LABEL = {
    "sentence": (
        "I'd lean towards {a}.", "Looks like {a} to me.", "{a} makes the most sense.", "Clearly {a}.",
        "The label has to be {a}!", "{a} is the label I'd assign.", "La categoría es {a}.",
    ),
    "units": ("➡️ {a}", "Answer: [{a}]", '{{"final_answer": "{a}"}}', "{a} 🙂", "Pick: {a}"),
    "markdown": (
        "🔹 **Label: {a}**", "### Label\n`{a}`", "| Label |\n|---|\n| {a} |", "✔️ **{a}**",
    ),
    "latex": ("$$\\boxed{{\\textbf{{{a}}}}}$$ 🎯", "\\[\\boxed{{\\text{{Label: {a}}}}}\\]"),
    "reasoning": (
        "You might expect {o}, yet the correct label is {a}.",
        "Label: {o}\n\nEdit: I misread the text. Label: {a}",
        "Not {o}, since the key term is missing. Not {p} either. {a}!",
        "Hmm, {o}? I don't think so. The label's {a}.",
        "{o} would be the label if the text were broader. As it stands, {a}.",
    ),
    "twice": ("{a}! The label: {a}.", "{a}\n\n(So: {a}.)"),
    "contradiction": ("Maybe {a}, maybe {o}.", "{a} or possibly {o}."),
    "other case": ("my label is {A}.", "FINAL: {A}"),
}  # fmt: skip

EXACT = {
    "sentence": ("It's {a}", "In short: {a}", "Result: {a}", "Here you go: {a}"),
    "units": ("➡️ {a}", '{{"result": "{a}"}}', "{a} 🙂", "1. {a}"),
    "markdown": ("🔹 **Answer: {a}**", "### Answer\n`{a}`", "~~{o}~~ **{a}**", "***{a}***"),
    "latex": ("$$\\boxed{{\\textbf{{{a}}}}}$$",),
    "reasoning": ("Not {o}.\n\nAnswer: {a}", "Answer: {o}\n\nSorry, the final answer is: {a}"),
    "twice": ("{a}\n\n{a}",),
}  # fmt: skip

REGEX = {
    "sentence": ("It's {a}, I think.", "In short: {a}"), "units": ("➡️ {a}", "[{a}]"),
    "markdown": ("🔹 **Answer: {a}**",), "latex": ("$\\text{{{a}}}$",), "twice": ("{a}\n{a}",),
}  # fmt: skip

JSON = {
    "sentence": ("Done! {a} 👍", "In short: {k}", "Output below.\n{a}\nCheers!"),
    "units": ("➡️ {a}", "RESULT = {k}", "json: {a}"),
    "markdown": ("🔹 **Answer**\n```json\n{k}\n```", "<pre>{a}</pre>", "**{a}**"),
    "reasoning": ("Step 1: read.\nStep 2: fill in.\n\n{k}\n\nNotes: none.",),
    "twice": ("```json\n{a}\n```\n\n```json\n{a}\n```",),
    "contradiction": ("Maybe {a}, maybe {o}.",),
}  # fmt: skip
