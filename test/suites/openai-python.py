"""OpenAI's Python client against a running system, of which SHOAL_URL, SHOAL_KEY and SHOAL_MODEL tell. Prints a line for each check."""

import json
import os
import sys
from typing import Callable

import openai
from pydantic import BaseModel

model = os.environ["SHOAL_MODEL"]
client = openai.OpenAI(base_url=os.environ["SHOAL_URL"] + "/v1", api_key=os.environ["SHOAL_KEY"], max_retries=0)


class Depth(BaseModel):
    depth: float


PARAMETERS = {
    "type": "object",
    "properties": {"sea": {"type": "string"}},
    "required": ["sea"],
    "additionalProperties": False,
}
DEPTHS = {"north": "north: 95 m", "baltic": "baltic: 55 m"}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def sea_of(arguments: str) -> str:
    return json.loads(arguments)["sea"]


def chat_stream() -> None:
    with client.chat.completions.stream(
        model=model, messages=[user("Count.")], stream_options={"include_usage": True}
    ) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta" and event.delta]
        completion = stream.get_final_completion()
    assert pieces == ["one", " two", " three"], pieces
    assert completion.usage and completion.usage.total_tokens > 0


def chat_tools() -> None:
    tool = {"type": "function", "function": {"name": "depth", "parameters": PARAMETERS}}
    messages = [user("Which sea is deeper? Use the tool.")]
    for _ in range(2):
        answer = client.chat.completions.create(model=model, messages=messages, tools=[tool]).choices[0]
        assert answer.finish_reason == "tool_calls", answer
        messages.append(answer.message)
        for call in answer.message.tool_calls or []:
            content = DEPTHS[sea_of(call.function.arguments)]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
    answer = client.chat.completions.create(model=model, messages=messages, tools=[tool]).choices[0]
    assert answer.message.content == "The North Sea.", answer


def chat_structured() -> None:
    answer = client.chat.completions.parse(model=model, messages=[user("As JSON, please.")], response_format=Depth)
    assert answer.choices[0].message.parsed == Depth(depth=95), answer


def chat_abort() -> None:
    stream = client.chat.completions.create(model=model, messages=[user("Tell me a long story.")], stream=True)
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    stream.close()


def responses_stream() -> None:
    with client.responses.stream(model=model, input="Count.") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert pieces == ["one", " two", " three"], pieces
    assert response.output_text == "one two three"


def responses_tools() -> None:
    tool = {"type": "function", "name": "depth", "parameters": PARAMETERS, "strict": True}
    response = client.responses.create(model=model, input="Which sea is deeper? Use the tool.", tools=[tool])
    for _ in range(2):
        calls = [item for item in response.output if item.type == "function_call"]
        assert calls, response
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": DEPTHS[sea_of(call.arguments)]}
            for call in calls
        ]
        response = client.responses.create(
            model=model, previous_response_id=response.id, input=results, tools=[tool]
        )
    assert response.output_text == "The North Sea.", response


def responses_structured() -> None:
    response = client.responses.parse(model=model, input="As JSON, please.", text_format=Depth)
    assert response.output_parsed == Depth(depth=95), response


def expect_error(kind: type[openai.APIStatusError], work: Callable[[], object], words: str) -> None:
    try:
        work()
    except kind as error:
        assert words in str(error), error
        return
    raise AssertionError(f"no {kind.__name__}")


def errors() -> None:
    def ask(text: str, name: str = model, **rest: object) -> Callable[[], object]:
        return lambda: client.chat.completions.create(model=name, messages=[user(text)], **rest)

    expect_error(openai.RateLimitError, ask("Fail, please."), "scripted error")
    expect_error(openai.NotFoundError, ask("Hello", "gpt-9"), "gpt-9")
    expect_error(openai.BadRequestError, ask("Hello", temperature=9), "temperature")
    other = client.with_options(api_key="no")
    expect_error(openai.AuthenticationError, lambda: other.models.list(), "key")


def models() -> None:
    names = [entry.id for entry in client.models.list()]
    assert model in names, names
    assert client.models.retrieve(model).id == model


def embeddings() -> None:
    vectors = client.embeddings.create(model="all-minilm-l6-v2", input=["a", "b"]).data
    assert [len(vector.embedding) for vector in vectors] == [384, 384]


CHECKS = [
    chat_stream,
    chat_tools,
    chat_structured,
    chat_abort,
    responses_stream,
    responses_tools,
    responses_structured,
    errors,
    models,
    embeddings,
]


def passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception as error:
        print(f"failed {check.__name__} {type(error).__name__}: {error}")
        return False
    print(f"passed {check.__name__}")
    return True


passed = sum([passes(check) for check in CHECKS])
print(f"openai {openai.__version__} for Python, {model}: {passed}/{len(CHECKS)} passed")
sys.exit(0 if passed == len(CHECKS) else 1)
