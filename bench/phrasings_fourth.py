# ruff: noqa: E501
"""A fourth set of wordings, as chatty models write them: see ``phrasings`` for the fields.

More fields: of numbers ``{n}`` the thousands divided by a blank, ``{l}`` by LaTeX's ``{,}``, ``{V}`` the number
in capital words; ``{e}`` a thumb up or down, ``{b}`` true or false, ``{g} {fr}`` Yes and No in German and
French. EXACT, REGEX and JSON go with ``made_items``; there ``{k}`` is the answer in another layout.
"""

from __future__ import annotations

EMPTY = (
    "I can't help with that request.", "⏳", "I need more information to answer.", "[no output]", "(empty)",
    "Okay.", "Thinking...", "The answer is", "Answer:", "<think></think>", "Let me analyze this step by step.",
    "I'm sorry, but I don't have enough information to answer this question.", "Request timed out.",
    "Could you please share the full text?", "No answer given.", "**Answer:**", "\\boxed{}", "{}", "🙂",
)  # fmt: skip

NUMBER = {
    "sentence": (
        "After working through it, the total is {a}.",
        "Great question! The answer is {a}. Let me know if you'd like to see the steps! 😊",
        "The question asks how many there are in the end, and that number is {a}.",
        "Sure thing — it's {a}.", "You'd end up with {a}.", "That leaves us with {a}.", "{a} — and that's it!",
        "Looks like {a} to me.", "It works out to {t}.", "The expression evaluates to {a}.",
        "All in all, there are {a} of them.", "To answer your question: {a}.", "I'd say {a}.",
        "I'm fairly confident the answer is {a}.", "Short answer: {a}.",
        "If I'm reading the question correctly, the answer is {a}.", "La respuesta es {a}.",
        "Die Antwort lautet {a}.", "La réponse est {a}. (The answer is {a}.)", "Answer (Antwort): {a}",
        "The answer should be {a}. Hope this helps!", "Assuming nothing else changes, the answer is {a}.",
    ),
    "units": (
        "💰 ${t}", "${t}/month", "{t} USD", "US${t}", "£{t}", "{t}€", "≈ {t} {u}", "Exactly {t} {u}",
        "Answer: {a} {u} ✅", "The final answer is **{t} {u}** per person.", "{a}.0 {u}", "Rs. {t}", "{a}kg",
        "{t} {u} (rounded to the nearest whole number)", "Total cost: **${t}.00**", "The answer is {a} ({u}).",
        "She saves {t} dollars each month, so that's our answer.", "**{t}** {u}", "{n} {u}", "{a} %",
        "It takes {t} {u} all in all.", "Total → {t} {u}", "({t} {u})", "Answer: {t} {u}/day",
        "The trip is {t} {u} long, door to door.", "That is {t} {u}, please double-check the rounding.",
    ),
    "markdown": (
        "### ✅ Final Answer\n\n**{a}**", "**Answer:**  \n{a}", "**Short answer:** {a}", "**TL;DR:** {a}",
        "| Quantity | Value |\n|---|---|\n| First part | {o} |\n| Second part | {p} |\n| **Answer** | **{a}** |",
        "| Step | Result |\n|------|--------|\n| 1 | {o} |\n| 2 | {p} |\n\n**Total: {a}**",
        "1. **Start:** {o}\n2. **Change:** {p}\n3. **End:** {a}\n\n**Answer: {a} {u}**",
        "> 🎯 **Final answer: {a}**", "👉 **{a}**", "Answer: `{a}`", "**The final answer is:**\n\n> **{a}**",
        "# Solution\n\n## Step 1\nWe find {o}.\n\n## Step 2\nWe find {p}.\n\n## Final Answer\n{a}",
        "- **Final Answer:** {t}\n- **Confidence:** high", "- **Final Answer:** {t}\n- **Confidence:** 95%",
        "**Step 1.** We get **{o}**.\n\n**Step 2.** We get **{p}**.\n\nSo the answer is **{a}**.",
        "~~{o}~~ **{a}**", "***\n**Final Answer:** **{a}**\n***", "**Result**: ==**{a}**==",
        "<details><summary>Steps</summary>\n\n{o}, then {p}.\n\n</details>\n\n**{a}**",
        "- start: {o}\n- end: {p}\n\n---\n### Answer: {a} {u}\n\n*Let me know if you want more detail!*",
        "**Answer**\n- {a}", "## 🧮 Result\n\n**{a} {u}** 🎉",
    ),
    "latex": (
        "\\[\n\\boxed{{{a}\\ \\text{{{u}}}}}\n\\]", "$\\boxed{{\\${t}}}$", "$\\boxed{{{l}}}$",
        "$$\n\\begin{{aligned}}\n{o} + {p} &= {op} \\\\\n\\text{{so }} x &= {a}\n\\end{{aligned}}\n$$\n\n"
        "**Answer:** ${a}$",
        "The answer is \\( \\displaystyle {a} \\).", "$\\therefore x = {a}$", "\\[x \\approx {a}\\]",
        "**Final Answer:** \\(\\boxed{{{a}}}\\)", "$\\underline{{\\underline{{{a}}}}}$", "$\\Rightarrow {a}$",
        "\\begin{{equation}}\n\\boxed{{ {a} }}\n\\end{{equation}}", "$\\boxed{{\\textbf{{{a}}}}}$ 🎉",
        "$$\\frac{{{d}}}{{2}} = \\boxed{{{a}}}$$", "\\boxed{{{a}.0}}", "We need $2x = {d}$, hence $x = {a}$.",
        "$ \\text{{Total}} = {a} \\text{{ {u}}} $", "\\[ \\color{{blue}}{{{a}}} \\]",
        "$$\\boxed{{{a}}}$$\n\nLet me know if anything is unclear!", "Answer: \\({a}\\,\\text{{{u}}}\\)",
        "\\[\n\\underbrace{{{o}}}_{{\\text{{first}}}} \\to \\boxed{{{a}}}\n\\]",
    ),
    "reasoning": (
        "The question asks for the number that remains. We start at {o}. After the first change we have {p}. "
        "After the last one, {a} remain.\n\nFinal Answer: {a}",
        "🤔 Let's see...\n\n• {o} to start\n• {p} after the change\n• {a} at the end\n\n✅ So: {a}",
        "Restating: we have {o}, then {p}, and want to know what is left over.\n\nThus there are {a} left over.",
        "Let me work through this.\n\nOops — I first wrote {o}, which double-counts. It should be {a}.",
        "I got {o} at first. Let me recheck. Actually it's {a}.",
        "Answer: {o}. Wait, that's not right; I forgot the last step. Corrected answer: {a}.",
        "**Answer: {o}**\n\nHold on, the second part counts once only.\n\n**Corrected answer: {a}**",
        "{a}.\n\nWhy? Because {o} and {p} cancel out apart from that.",
        "{a}\n\nExplanation:\n- We begin with {o}.\n- We then have {p}.\n- The remainder is {a}.",
        "It's {a}, because {o} of the original ones are used up and {p} are new.",
        "<thinking>\nCould be {o}.\n</thinking>\n\n<answer>{a}</answer>",
        "Final answer first: {a}. Here is why: the {o} we start from become {p}, and so on.",
        "Plan: find the first part ({o}), then the second ({p}), then combine.\n\nCombine → {a}\n\n"
        "Hope that helps!",
        "Given: {o}; {p}.\nRequired: the total.\nSolution: {a}.",
        "Many people would answer {o} here, but the trick is the last sentence. The right answer is {a}. "
        "Hope this helps!",
        "The common mistake is to say {o}. The actual answer is {a}.",
        "Adding up gives {o} before tax, and tax is {p}. So the final bill comes to {a}.\n\n"
        "Let me know if you have any other questions!",
        "Step 1 ➡️ {o}\nStep 2 ➡️ {p}\nStep 3 ➡️ {a}\n\n🏁 Final answer: {a}. Feel free to ask for more detail!",
        "Answer: {a}. (Not {o}, which is what you get if you forget the last step.)",
        "Let x be the number. Then 2x = {d}. Solving, x = {a}. Verification: 2·{a} = {d}. ✓",
        "We start with {o}.\nThen come {p} more.\nIn the end we have {a}.\n\nIs there anything else I can do?",
        "The answer is {o}... no, sorry: the answer is {a}.",
    ),
    "twice": (
        "Final answer: {a}\n\n---\n\n**{a}**", "{W} ({a}).", "Answer: {a} / Antwort: {a}",
        "Respuesta: {a}\nAnswer: {a}", "The answer is {a}. {a} is the number we were looking for.",
        "✅ {a} ✅ {a}", "Answer: {a}\n\n> {a}", "The answer is **{a}** ({w} {u}).", "{a}, i.e. {w}.",
        "**{a} {u}**\n\nFinal answer: {t} {u}.", "In words: {w}. In digits: {a}.",
    ),
    "contradiction": (
        "Answer: {a}. Answer: {o}.", "I'm torn between {a} and {o}.",
        "It could be {a} or {o}; I'm not sure which.", "Depending on how you read it, {a} or {o}.",
        "Depending on the interpretation, the answer is either {a} or {o}.", "Possible answers: {a}, {o}",
        "**{a}** or **{o}** — both are possible.", "{a}? {o}? I can't tell.", "Answer: {a} and {o}",
        "It may be {a}, it may be {o}.", "The answer is {a} under one reading and {o} under another.",
    ),
    "other case": (
        "the ANSWER is {a}", "FINAL ANSWER: {t} {U}!", "TOTAL = {a}", "{V}", "ANSWER: {V}", "RESULT: {a}",
        "ANS: {a}", "Ans. {a}", "the final answer: {w} {u}.", "they have {w} left", "So, {w}.", "ans = {a}",
        "THE ANSWER IS {V}.", "Answer: {w} {u}", "SOLUTION: {a}",
    ),
    "100 kB": (
        "{filler}\n\n✅ **Final answer: {a} {u}**", "**Final Answer: {a}**\n\n### Explanation\n\n{filler}",
        "{filler}\n\n---\n\n### Conclusion\n\nThe total is **{a}**.\n\nLet me know if you need more help!",
        "{filler}\n\nSo we end up with {a}.", "{filler}\n\n<answer>\n{a}\n</answer>",
        "{filler}\n\n| Answer | {a} |", "{filler}\n\nAnswer (final): {a}\n\nHappy to explain any step!",
    ),
}  # fmt: skip

CHOICE = {
    "sentence": (
        "The answer is definitely {a}.", "{a}, without a doubt.", "That would be {a}.", "I'm going with {a}.",
        "The correct answer to this question is ({a}).", "Answer choice {a} is the best fit.",
        "You should pick {a}.", "Of these, {a} fits best.", "{a} is the right one.",
        "{a} is your best bet here.",
        "Short answer: {a}.", "The option that best answers the question is {a}.",
        "I'm fairly confident it's {a}.",
        "Most likely {a}.", "Probably {a}.", "La respuesta correcta es {a}.", "Die richtige Antwort ist {a}.",
        "Sure! The correct option is **{a}**. Let me know if you want the reasoning! 😊", "My pick: {a}",
        "La bonne réponse est {a}. (The correct answer is {a}.)", "Antwort / Answer: {a}",
        "If I had to choose, {a}.", "Only {a} is consistent with the facts.",
        "{a} is the only option that works.", "Statement {a} is correct.", "The correct statement is {a}.",
        "Great question! It's {a} — {t}",
    ),
    "units": (
        "{a} ✅", "👉 {a}) {t}", "“{a}”", '"{t}"', "{a}: “{t}”", "Answer → {a}", "Answer = {a}", "[{a}] {t}",
        "<choice>{a}</choice>", '{{"answer": "{a}", "explanation": "It fits best."}}', "Ans: {a}",
        '{{\n  "reasoning": "Option {o} does not fit.",\n  "answer": "{a}"\n}}', "Ans. ({a})", "({a}) ✔",
        "{a}.\n{t}", "{a} (confidence: 95%)", "Key: {a}", "Final: {a}", "Option {a} ({t})",
        '```json\n{{"answer": "{a}"}}\n```', "Answer: {a} 😊", "Choice: ({a})",
    ),
    "markdown": (
        "### ✅ Correct Answer: **{a}**",
        "**{a}** ✅\n\n**Why the others fail:**\n- **{o}**: it misreads the facts.\n- **{p}**: it is too broad.",
        "| Option | Verdict |\n|---|---|\n| {o} | ❌ |\n| {p} | ❌ |\n| {a} | ✅ |",
        "| Option | Correct? |\n|:-:|:-:|\n| {o} | No |\n| {a} | Yes |\n| {p} | No |",
        "**Answer:** **{a}** – *{t}*", "- [ ] {o}\n- [ ] {p}\n- [x] {a}", "- ❌ {o}) {ot}\n- ✅ {a}) {t}",
        "**Correct choice:** ({a})", "The correct answer is:\n\n**{a}) {t}**", "The answer is `{a}`.",
        "## Final Answer\n\n> **{a}. {t}**\n\n---\n*Let me know if you'd like more details.*",
        "**Explanation:** only one option fits.\n\n**Answer:** {a}", "~~{o}~~ → **{a}**", "**TL;DR:** {a}",
        "**{a}** – {t}\n\n**Reasoning**\n1. The facts match.\n2. The rule applies.",
        "**Final answer**: {a}  \n**Confidence**: high", "**Correct:** {a}\n\n**Incorrect:** {o}, {p}",
        "1. **{o}** – does not apply.\n2. **{p}** – does not apply.\n\n### Answer\n**({a})**",
    ),
    "latex": (
        "**Final Answer:** $\\boxed{{\\text{{{a}}}}}$", "$$\n\\boxed{{\\text{{{a}. {t}}}}}\n$$",
        "\\(\\boxed{{\\textbf{{{a}}}}}\\)", "$\\Rightarrow$ {a}", "The correct option is $\\textbf{{{a}}}$.",
        "\\[\n\\boxed{{{a}}}\n\\]\n\nLet me know if you need more help.", "$\\mathbf{{({a})}}$",
        "\\boxed{{{a})}}",
        "$\\boxed{{\\textsf{{{a}}}}}$", "\\textbf{{Answer: }}\\boxed{{{a}}}", "$\\therefore$ option {a}",
    ),
    "reasoning": (
        "The question is which option best fits. {o} is out: the facts don't support it. {p} is out, too. "
        "Final answer: {a}.",
        "Answer: {o}\n\nWait, re-reading the question, that's wrong. Corrected answer: {a}",
        "I was going to say {o}, but {a} is more precise. {a} it is.",
        "{a}.\n\n{o} is wrong because it ignores the facts, and {p} is wrong because it goes too far.",
        "{a} is right. Although {o} sounds plausible, it does not hold up. The same goes for {p}.",
        "Let me go through them one by one:\n\n{o}) No.\n{p}) No.\n{a}) Yes!\n\n🎯 {a}",
        "<think>\nOptions {o} and {p} look tempting.\n</think>\n\n**{a}**",
        "Restating the question: we need the option that fits the facts. By elimination ({o} ✗, {p} ✗), what's "
        "left is {a}.",
        "While {o} might be defensible in another setting, the better answer here is {a}. I hope that helps!",
        "It's tempting to choose {o}. Don't: the right choice is {a}.",
        "Why not {o}? It misses the point. Why not {p}? Same. Why {a}? It matches the rule. So {a}.",
        "{o} is incorrect.\n{p} is incorrect.\n{a} is correct.",
        "Students often choose {o}; the correct answer is {a}.",
        "Both {o} and {p} are distractors. The key is {a}.",
        "Compare {o} and {a}: only the latter fits. Hence, {a}.",
        "After weighing {o} against {a}, I'd go with the second: {a}.",
        "Final Answer: {a}\n\nExplanation: option {o} ({ot}) is not supported by the facts.",
        "The answer is {o}... no, sorry, the answer is {a}.",
        "{a} — {t}\n\nWhy not {o}: it goes too far.\nWhy not {p}: it does not go far enough.",
    ),
    "twice": (
        "{a}) {t}\n\n**Answer: {a}**\n\nHope this helps!", "Antwort: {a}\nAnswer: {a}",
        "The right one is {a} ({t}). So: {a}.", "{a} ✅ ({a} is the best fit)", "Answer: {a}\n\n({a}) {t}",
        "Option {a}.\n\nFinal Answer: Option {a}", "Respuesta: {a}. Answer: {a}.",
    ),
    "contradiction": (
        "I'm torn between {a} and {o}.", "{a}? {o}? I can't tell.", "Possible answers: {a}, {o}",
        "Either {a} or {o} could be right, depending on the facts.", "{a} or {o} — both are defensible.",
        "**{a}** and **{o}** are both correct.", "Answer: {a} & {o}", "{a}, {o}", "Answer: {a}; {o}",
        "It depends: {a} under one reading, {o} under another.", "Could be {a}, could be {o}.",
    ),
    "other case": (
        "ans: {l}", "the correct option is ({l})", "i choose {l}", "OPTION {a}", "FINAL ANSWER: ({a})",
        "correct answer: {l}) {t}", "answer = {l}", "{l}: {t}", "THE BEST OPTION IS {a}!", "final answer - {l}",
        "Answer: {T}",
    ),
    "100 kB": (
        "{filler}\n\n### ✅ Final Answer: {a}\n\nLet me know if you have questions!",
        "**{a}) {t}**\n\n---\n\n{filler}", "{filler}\n\nAll things considered, {a} is the best option.",
        "{filler}\n\n<answer>\n{a}\n</answer>", "{filler}\n\nI'm going with {a}.",
        "The correct answer is **{a}**. Here is why.\n\n{filler}",
    ),
}  # fmt: skip

YESNO = {
    "sentence": (
        "{a}, absolutely.", "{a} — based on the wording, it {does}.", "My answer is {l}.",
        "The answer would be {l}.",
        "The answer here is a clear {l}.", "That's a {l} from me.", "I'd answer {l}.", "I lean towards {l}.",
        "Most likely {l}.", "Probably {l}.", "Short answer: {l}.",
        "To answer your question: {l}, it {does}.",
        "In this case, the answer is {l} because of the wording.", "Does the text say so? {a}.",
        "Sure! The answer is {a}. Let me know if you need anything else. 😊", "{a}. Thanks for asking!",
        "I would label this as {l}.", "Based on my analysis: {l}.", "{a} ({fr}).", "{a} / {g}",
        "Die Antwort ist {g}. (The answer is {l}.)", "If I'm reading it correctly, the answer is {l}.",
        "The answer to your question is a simple {l}.", "Unfortunately, the answer is {l}.",
        "The correct label is {l}, since it {does} say so.",
    ),
    "units": (
        "{a} ✅", "{e} {a}", "Answer → {a}", "<answer>{a}</answer>",
        '{{"label": "{a}", "confidence": 0.97}}',
        '{{"answer": {b}}}', "{a} (confidence: 92%)", "“{a}”", "Ans: {a}", "Final: {a}", "Result → {l}",
        '```json\n{{"answer": "{a}"}}\n```', "Q: Does it say so?\nA: {a}", "A: {a}", "label={l}", "{a} {e}",
        "[Answer] {a}", "({a})",
    ),
    "markdown": (
        "### ✅ Answer\n\n**{a}**", "**{a}.**\n\n**Why?** The wording says so.", "**TL;DR:** {a}",
        "| Question | Answer |\n|---|---|\n| Does it apply? | {a} |", "> {a}", "## Verdict: {A}", "`{a}`",
        "- **Answer:** {a}\n- **Reason:** the wording of the first sentence\n- **Confidence:** high",
        "**Short answer:** {l}, it {does}.", "Answer: **_{a}_**", "**Final answer:**\n\n> **{a}**",
        "1. The text names no party.\n2. There is no date.\n\n→ **{a}**", "The correct label is **{a}**.",
        "**{a}** — the text {does} say so. 📄\n\n*No further review is needed.*", "~~{x}~~ **{a}**",
        "**Analysis**\n- No amount is named.\n- No party is named.\n\n**Conclusion:** {a}",
    ),
    "latex": (
        "**Final Answer:** $\\boxed{{\\text{{{a}}}}}$", "\\(\\boxed{{\\textbf{{{a}}}}}\\)", "\\boxed{{{A}}}",
        "$\\Rightarrow$ {a}", "\\[\n\\boxed{{\\text{{{a}}}}}\n\\]\n\nNo further steps are needed.",
        "\\textbf{{Answer: {a}}}", "$\\therefore$ {l}",
    ),
    "reasoning": (
        "The clause says nothing about audits, and no fee is named. Nevertheless the answer is {l}.",
        "Label: {x}\n\nWait, I misread the clause. Corrected label: {a}",
        "At first I thought {xl}. But on closer reading, {l}.",
        "{a}. There is no ambiguity here: the text {does} say so.",
        "{a}. Some would say {xl}, but the wording is clear.", "{a}, although one could argue the opposite.",
        "Is there any request? Is there any proposal? Reading the sentence as a whole, the answer is {l}. "
        "I hope this helps!",
        "<think>Hmm, {xl}? Let me see.</think>{a}",
        "The question asks whether the text covers this. It {does}, so the answer is {l}.",
        "There's no doubt about it: {l}.",
        "Analysis: the first sentence is a definition, with no more in it.\nConclusion: {a}.",
        "1. Is it a contract clause? Yes.\n2. Does it have a date? No.\n3. Final answer: {a}",
        "- Names the parties: yes\n- Names a date: no\n- Answer: {l}",
        "A {xl} would need other wording. So it's a {l}.",
        "One might be tempted to say {xl}. That would be a mistake. It's {l}.",
        "The answer isn't {xl}; it's {l}.", "My first instinct was {xl}, but the correct answer is {l}.",
        "It depends on the reading, but on the natural one the answer is {l}.",
        "While the text mentions something similar, what matters is the definition. Hence: {a}",
        "The answer is {xl}... no, sorry, the answer is {l}.",
    ),
    "twice": (
        "{a}. {a}, it {does}.", "Label: {a}\n\n**{a}**\n\nThanks!", "{a} ({g}). Final answer: {a}", "{l} {l}",
        "Answer: {a} (again: {a})", "{a}, {l}, {l}!", "Antwort: {g}\nAnswer: {a}",
    ),
    "contradiction": (
        "Yes and no.", "Maybe yes, maybe no.", "It depends: {l} under one reading, {xl} under another.",
        "I can't decide between yes and no.", "{a}? {x}? Hard to say.", "Could be {l}, could be {xl}.",
        "**{a}** / **{x}**", "Either {l} or {xl}.", "Possibly {l}, possibly {xl}.",
        "I'm torn between {l} and {xl}.",
    ),
    "other case": (
        "ANS: {A}", "THE ANSWER IS {A}!", "final answer = {l}", "it's a {l}", "{l}, definitely",
        "label - {A}", "the correct answer is {A}", "ANSWER: {l}", "CONCLUSION: {A}",
    ),
    "100 kB": (
        "{filler}\n\n### ✅ Final Answer: {a}\n\nLet me know if you have questions!",
        "**{a}**, it {does}.\n\n---\n\n{filler}", "{filler}\n\nAll things considered, the answer is {l}.",
        "{filler}\n\n<answer>\n{a}\n</answer>", "The answer is **{a}**. Here is why.\n\n{filler}",
    ),
}  # fmt: skip

LABEL = {
    "sentence": (
        "I'd classify this as {a}.", "This would fall under {a}.", "It is best described as {a}.",
        "The conversation belongs in {a}.", "The best fit is {a}.", "It fits {a} best.",
        "My pick would be {a}.",
        "Most likely {a}.", "Probably {a}.", "I'm fairly confident that it is {a}.", "{a} is the best label.",
        "Sure! The label is {a}. Let me know if you need anything else! 😊", "{a} is what I would choose.",
        "{a} seems most appropriate here.", "Here, {a} applies.", "It can be classified as {a}",
        "I would go for {a}.", "The correct classification for this text is {a}.",
        "The text is an example of {a}.", "This excerpt is mainly about {a}.", "Short answer: {a}.",
        "Das richtige Label ist {a}.", "La etiqueta correcta es {a}.", "Category (Kategorie): {a}",
        "La bonne étiquette est {a}. (The right label is {a}.)",
        "If I'm reading it correctly, the label is {a}.",
        "Great question! I'd put this under {a}.",
    ),
    "units": (
        "{a} ✅", "🏷️ {a}", "“{a}”", "Label → {a}", "Label: [{a}]", "label={a}", 'Category: "{a}"',
        '{{"label": "{a}", "reason": "The wording fits."}}', "{a} (confidence: 95%)", "Ans: {a}",
        "Final: {a}", "<answer>{a}</answer>", "1. {a}", "{a} - because of the first sentence",
        '```json\n{{"label": "{a}"}}\n```', "{a}.\n\nThe wording is typical.",
    ),
    "markdown": (
        "### ✅ Label\n\n**{a}**", "**TL;DR:** {a}",
        "| Label | Fit |\n|---|---|\n| {o} | ❌ |\n| {a} | ✅ |",
        "- ❌ {o}\n- ❌ {p}\n- ✅ {a}", "- [ ] {o}\n- [x] {a}", "~~{o}~~ **{a}**", "> **{a}**", "`{a}`",
        "- **Label:** {a}\n- **Reason:** the wording of the first sentence\n- **Confidence:** high",
        "**Label:**\n\n> **{a}**", "The best label is `{a}`.", "## Verdict: {a}", "**Best match**: _{a}_",
        "**{a}** 📄\n\n**Why not {o}?** It would need other wording.",
    ),
    "latex": (
        "**Final Answer:** $\\boxed{{\\text{{{a}}}}}$", "\\(\\boxed{{\\textbf{{{a}}}}}\\)",
        "\\[\n\\boxed{{\\text{{{a}}}}}\n\\]\n\nLet me know if you need more help.",
        "\\textbf{{Label: {a}}}",
        "$\\Rightarrow$ {a}", "\\boxed{{{a}}}",
    ),
    "reasoning": (
        "Label: {o}\n\nWait, I misread the text. Corrected label: {a}",
        "At first I thought {o}. But on closer reading, {a}.",
        "{a}. Some would say {o}, but the wording is clear.",
        "{a}, although one could argue for {o}.", "<think>Hmm, {o}? Let me see.</think>{a}",
        "I was going to say {o}, but {a} is more precise.",
        "It's tempting to choose {o}. Don't: the right label is {a}.",
        "While {o} might be defensible in another setting, the better label here is {a}. I hope that helps!",
        "Both {o} and {p} are mentioned only in passing. The main topic is {a}.",
        "Restating the task: pick one label. The text does not fit {o} or {p}. Final answer: {a}.",
        "{a}.\n\nIt is not {o}, because the key term is missing, and not {p} either.",
        "1. {o}: no\n2. {p}: no\n3. {a}: yes\n\nFinal label: {a}",
        "The label isn't {o}; it's {a}.", "The label is {o}... no, sorry, the label is {a}.",
        "Final Label: {a}\n\nExplanation: the wording rules out {o}.",
        "{a} is the best fit. {o} comes close, but lacks the key element.",
    ),
    "twice": (
        "{a} – {a}.", "Label: {a}\n\n**{a}**\n\nHope this helps!", "Antwort: {a}\nAnswer: {a}",
        "{a}. Final answer: {a}.", "Answer: {a} (again: {a})", "The label is {a}. Yes, {a}.",
    ),
    "contradiction": (
        "I'm torn between {a} and {o}.", "{a}? {o}? I can't tell.", "Possible labels: {a}, {o}",
        "Either {a} or {o} would fit.", "It depends: {a} under one reading, {o} under another.",
        "**{a}** and **{o}** both apply.", "Label: {a}; {o}", "Could be {a}, could be {o}.",
        "{a} or {o} — both are defensible.",
    ),
    "other case": (
        "ANS: {A}", "label = {A}", "THE BEST LABEL IS {A}!", "final label: {C}", "Category: {C}.", "{C}",
        "LABEL: {a}", "ANSWER: {A}",
    ),
    "100 kB": (
        "{filler}\n\n### ✅ Final Label: {a}\n\nLet me know if you have questions!",
        "**{a}**\n\n---\n\n{filler}", "{filler}\n\nAll things considered, {a} is the best label.",
        "{filler}\n\n<answer>\n{a}\n</answer>", "The label is **{a}**. Here is why.\n\n{filler}",
    ),
}  # fmt: skip

EXACT = {
    "sentence": (
        "{a}", "{a}.", "Answer: {a}", "The answer is {a}.", "The correct answer is: {a}", "Short answer: {a}",
        "Sure! Here it is:\n\n{a}", "My answer: {a}", "Final answer: {a}", "To answer your question: {a}",
    ),
    "units": (
        '"{a}"', "“{a}”", "'{a}'", "<answer>{a}</answer>", "Answer → {a}", "Answer = {a}", "({a})", "[{a}]",
        '{{"answer": "{a}"}}', "{a} ✅", "Ans: {a}",
    ),
    "markdown": (
        "**{a}**", "`{a}`", "```\n{a}\n```", "### Answer\n\n{a}", "> {a}", "- {a}", "**Answer:** {a}",
        "**Answer:** `{a}`", "### ✅ Final Answer\n\n**{a}**", "_{a}_", "**TL;DR:** {a}",
    ),
    "latex": ("$\\boxed{{\\text{{{a}}}}}$", "\\(\\text{{{a}}}\\)", "\\textbf{{{a}}}", "\\boxed{{{a}}}"),
    "reasoning": (
        "Let me think. It could have been {o}, but that does not fit.\n\nAnswer: {a}",
        "<think>Is it {o}?</think>\n{a}", "Step 1: read.\nStep 2: decide.\n\nFinal answer: {a}",
        "One might say {o}. The correct answer is {a}.", "Weighing {o} and {p}, I conclude:\n\n{a}",
        "Answer: {o}\n\nWait, that's wrong. Corrected answer: {a}",
        "Answer: {a}\n\nExplanation: {o} would not fit the question.",
    ),
    "twice": ("{a}\n\nAnswer: {a}", "Answer: {a}\n\n**{a}**", "The answer is {a}.\n\nFinal answer: {a}"),
    "contradiction": ("Answer: {a}\nAnswer: {o}", "The answer is {a}. The answer is {o}."),
    "100 kB": ("{filler}\n\n**Answer:** {a}", "{filler}\n\n{a}", "{filler}\n\nThe answer is {a}."),
}  # fmt: skip

REGEX = {
    "sentence": ("{a}", "The answer is {a}.", "Sure! It's {a} — hope this helps 😊", "La respuesta es {a}."),
    "units": ('"{a}"', "<answer>{a}</answer>", "({a})", "Answer → {a}", '{{"answer": "{a}"}}'),
    "markdown": ("**{a}**", "`{a}`", "> {a}", "### Answer\n\n{a}\n\n---", "| Answer | {a} |", "- {a}"),
    "latex": ("$\\boxed{{\\text{{{a}}}}}$", "\\boxed{{{a}}}"),
    "reasoning": ("Let me see. First, the facts.\n\nFinal answer: {a}", "{a}\n\nWhy? Because it fits best."),
    "twice": ("{a}\n\n{a}", "{a} ({a})"),
    "100 kB": ("{a}\n\n{filler}", "{filler}\n\n{a}"),
}  # fmt: skip

JSON = {
    "sentence": (
        "{a}", "{k}", "Here is the JSON: {a}", "Sure! Here's the result:\n\n{k}\n\nLet me know! 😊",
        "The answer is {a}.", "Answer: {k}",
    ),
    "units": ("\ufeff{a}", "  {k}\n\n", "JSON\n{a}", "<answer>{a}</answer>", "<json>\n{k}\n</json>"),
    "markdown": (
        "```json\n{k}\n```", "```\n{a}\n```", "**Result:**\n\n```json\n{a}\n```\n\nHope this helps!", "`{a}`",
        "### Output\n\n```json\n{k}\n```\n\n- The keys are as asked.\n- The values are from the text.",
        "~~~json\n{a}\n~~~", "```JSON\n{k}\n```", "> {a}", "1. Result:\n   ```json\n   {a}\n   ```",
    ),
    "reasoning": (
        "<think>Maybe {o}?</think>\n{a}", "First I read the text [1]. Then I fill in the fields.\n\n{k}",
        "The fields follow the schema.\n\n```json\n{k}\n```\n\nThe set {{x, y}} is not needed.",
        "<think>\n```json\n{o}\n```\nNo, that's off.\n</think>\n\n```json\n{a}\n```",
    ),
    "twice": ("{a}\n\n```json\n{k}\n```", "```json\n{a}\n```\n\nOr, laid out:\n\n```json\n{k}\n```"),
    "contradiction": ("{a}\n\n{o}", "```json\n{a}\n```\n\nor\n\n```json\n{o}\n```", "Either {a} or {o}."),
    "100 kB": ("{filler}\n\n```json\n{k}\n```", "{a}\n\n{filler}", "{filler}\n\n{a}"),
}  # fmt: skip

REFERENCE = {"sentence": ("{a}", "**{a}**", "Sure! {a}", "No.", "42")}
