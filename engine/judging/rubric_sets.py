"""Sets of questions for the rubric judge, to choose by name where a batch has no rubric of its own.

All are yes/no, because judges agree far more on these than on five levels. Each says what counts as yes and shows a no:
without both, the strictness of a judge depends on its mood.
"""

from __future__ import annotations

from typing import Literal

from engine.judging.rubric import DEFAULT
from engine.types import Criterion, Rubric

QuestionSet = Literal["general", "dimensions", "request", "response"]


def _one(id: str, question: str, yes: str, no: str, weight: float = 1.0) -> Criterion:
    return Criterion(id=id, question=question, counts_as_yes=yes, example_of_no=no, weight=weight)


DIMENSIONS = Rubric(
    id="dimensions",
    criteria=(
        _one(
            "tool_use",
            "Did the assistant use its tools effectively?",
            "Each call moved the request forward, and its result was used.",
            "It listed all orders three times to find one whose number was given.",
            2.0,
        ),
        _one(
            "problem_solving",
            "Did the assistant solve the problem that the person had, and not only a part of it?",
            "What was asked for is done, or a correct reason is given why it cannot be.",
            "It found the wrong booking, said so, and left it as it was.",
            2.0,
        ),
        _one(
            "collaboration",
            "Did the assistant work together with the person?",
            "It asked for what only the person knows, once, and used the answer.",
            "It asked for the order number that the first message held.",
        ),
        _one(
            "code_quality",
            "Is what the assistant wrote for a machine (code, commands, arguments, files) correct and fit for its use?",
            "It would run or be accepted as it is, and does no more than is needed.",
            "It passed a date as free text where the tool asks for YYYY-MM-DD.",
        ),
        _one(
            "accuracy",
            "Is everything that the assistant states right by the record?",
            "Every amount, name, date and status is one that a tool, the policy or the person gave.",
            "The tool returned 41.20 and the answer says 42.10.",
            2.0,
        ),
        _one(
            "completeness",
            "Does the assistant answer every part of what was asked?",
            "Each question of the person has its answer in the assistant's words.",
            "Two balances were asked for and one is stated.",
        ),
        _one(
            "creativity",
            "Where the direct way was closed, did the assistant find another one that the policy allows?",
            "It tried another tool or offered an alternative; or the direct way was open.",
            "The first search found nothing, and it gave up although a second tool could search by name.",
        ),
        _one(
            "efficiency",
            "Did the assistant come to the end without detours?",
            "No call and no question could be left out without harm.",
            "It read the same account before and after each answer.",
        ),
        _one(
            "satisfaction",
            "Would the person leave this dialogue satisfied, by what it says?",
            "The request was met in a polite tone, or refused with a reason that the person can accept.",
            "The person repeats the question and gets the same sentence again.",
        ),
    ),
)
REQUEST = Rubric(
    id="request",
    criteria=(
        _one(
            "selection_difficulty",
            "Does choosing the right tool for the person's requests take thought?",
            "At least two of the offered tools could seem to fit, or no tool is named.",
            "The person says: call get_balance for A-1.",
        ),
        _one(
            "uniqueness",
            "Is there one right way to serve the requests, or are all right ways equal in effect?",
            "Two careful assistants would change the same things.",
            "The person asks to move some money somewhere.",
        ),
        _one(
            "clarity",
            "Can the requests be understood without guessing?",
            "It is clear what is wanted, or clear what must be asked.",
            "Do the usual thing with it, please.",
        ),
        _one(
            "realism",
            "Would a person in this place write so?",
            "Words and wishes are those of a customer or colleague.",
            "Execute a parallel retrieval over both account entities.",
        ),
        _one(
            "verifiability",
            "Can the result be checked by the tools' results or the state?",
            "A right answer and a wrong one differ in something that the record shows.",
            "Tell me whether my account is a good one.",
        ),
        _one(
            "stability",
            "Would the right answer be the same tomorrow?",
            "It depends on the records alone.",
            "What is the weather like right now?",
        ),
        _one(
            "difficulty",
            "Do the requests need more than one look-up?",
            "At least two calls depend on each other, or a rule of the policy decides.",
            "What is on A-1?",
        ),
        _one(
            "tooling_intent",
            "Do the requests need a tool, or test that none is used?",
            "They cannot be answered from general knowledge, or the policy answers them.",
            "Write me a poem about banks.",
        ),
        _one(
            "context_density",
            "Do the person's messages hold what serves the request, and little else?",
            "Names, numbers and wishes that are needed stand there or can be asked for.",
            "A page about a holiday before one question.",
        ),
        _one(
            "domain_relevance",
            "Do the requests belong to what the policy is about?",
            "The policy covers them, allowed or not.",
            "A bank's assistant is asked for a recipe.",
        ),
    ),
)
RESPONSE = Rubric(
    id="response",
    criteria=(
        _one(
            "completeness",
            "Do the answers cover everything that was asked?",
            "Nothing that the person asked for is missing.",
            "It says that the order was found, and not where it is.",
            2.0,
        ),
        _one(
            "conciseness",
            "Are the answers as short as they can be?",
            "No sentence could be left out without losing something that the person needs.",
            "It repeats the question, lists all tools that it used, and then answers.",
        ),
        _one(
            "quality",
            "Are the answers correct, clear and polite?",
            "A good employee could have sent them unchanged.",
            "Done. Anything else??",
        ),
        _one(
            "tool_alignment",
            "Do the answers say what the tools returned?",
            "Each fact is in a result, and no failed call is told as a success.",
            "The refund was refused, and the answer says that it is on its way.",
            2.0,
        ),
        _one(
            "language_compliance",
            "Are the answers in the language of the person?",
            "All of them are, apart from names and quoted values.",
            "The person writes English and the last sentence is Chinese.",
        ),
        _one(
            "review_alignment",
            "Did the assistant act on each correction or complaint of the person?",
            "What was criticised is mended in the next answer; or nothing was.",
            "The person says that the date is wrong and gets the same date again.",
        ),
    ),
)
SETS: dict[QuestionSet, Rubric] = {
    "general": DEFAULT,
    "dimensions": DIMENSIONS,
    "request": REQUEST,
    "response": RESPONSE,
}
