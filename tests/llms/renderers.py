"""Calls written in the notation of each family, as its chat template writes them. One renderer for each file of
engine/llms/_notations/; some families have several ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Call = tuple[str, dict[str, Any]]
Renderer = Callable[[Sequence[Call]], str]


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def bare(value: Any) -> str:
    """Return a value as the XML families write it: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else dumped(value)


def objects(calls: Sequence[Call], key: str = "arguments") -> list[str]:
    return [dumped({"name": name, key: arguments}) for name, arguments in calls]


def python(calls: Sequence[Call]) -> str:
    each = [f"{name}({', '.join(f'{k}={v!r}' for k, v in given.items())})" for name, given in calls]
    return f"[{', '.join(each)}]"


def hermes(calls: Sequence[Call]) -> str:
    return "\n".join(f"<tool_call>\n{one}\n</tool_call>" for one in objects(calls))


def qwen(calls: Sequence[Call]) -> str:
    return "\n".join(f"✿FUNCTION✿: {name}\n✿ARGS✿: {dumped(given)}" for name, given in calls) + "\n✿RESULT✿"


def qwen3_coder(calls: Sequence[Call]) -> str:
    def one(name: str, given: Mapping[str, Any]) -> str:
        lines = "".join(f"<parameter={key}>\n{bare(value)}\n</parameter>\n" for key, value in given.items())
        return f"<tool_call>\n<function={name}>\n{lines}</function>\n</tool_call>"

    return "\n".join(one(*call) for call in calls)


def llama_json(calls: Sequence[Call]) -> str:
    return f"<|python_tag|>{'; '.join(objects(calls, 'parameters'))}<|eom_id|>"


def llama_python(calls: Sequence[Call]) -> str:
    return f"<|python_start|>{python(calls)}<|python_end|><|eot_id|>"


def llama_function(calls: Sequence[Call]) -> str:
    return "\n".join(f"<function={name}>{dumped(given)}</function>" for name, given in calls)


def mistral_list(calls: Sequence[Call]) -> str:
    return f"[TOOL_CALLS] [{', '.join(objects(calls))}]</s>"


def mistral_v11(calls: Sequence[Call]) -> str:
    return "".join(f"[TOOL_CALLS]{name}{dumped(given)}" for name, given in calls) + "</s>"


def mistral_v13(calls: Sequence[Call]) -> str:
    return "".join(f"[TOOL_CALLS]{name}[CALL_ID]9f1c3a2b7[ARGS]{dumped(given)}" for name, given in calls)


def deepseek(calls: Sequence[Call], one: Callable[[str, str], str]) -> str:
    each = [f"<｜tool▁call▁begin｜>{one(name, dumped(given))}<｜tool▁call▁end｜>" for name, given in calls]
    return f"<｜tool▁calls▁begin｜>{chr(10).join(each)}<｜tool▁calls▁end｜><｜end▁of▁sentence｜>"


def deepseek_v3(calls: Sequence[Call]) -> str:
    return deepseek(calls, lambda name, given: f"function<｜tool▁sep｜>{name}\n```json\n{given}\n```")


def deepseek_v31(calls: Sequence[Call]) -> str:
    return deepseek(calls, lambda name, given: f"{name}<｜tool▁sep｜>{given}")


def invoked(calls: Sequence[Call], prefix: str, marked: bool) -> str:
    def parameter(key: str, value: Any) -> str:
        mark = f' string="{str(isinstance(value, str)).lower()}"' if marked else ""
        return f'<{prefix}parameter name="{key}"{mark}>{bare(value)}</{prefix}parameter>\n'

    return "\n".join(
        f'<{prefix}invoke name="{name}">\n{"".join(parameter(*pair) for pair in given.items())}</{prefix}invoke>'
        for name, given in calls
    )


def deepseek_v32(calls: Sequence[Call]) -> str:
    return f"<｜DSML｜function_calls>\n{invoked(calls, '｜DSML｜', marked=True)}\n</｜DSML｜function_calls>"


def kimi_k2(calls: Sequence[Call]) -> str:
    each = [
        f"<|tool_call_begin|>functions.{name}:{number}<|tool_call_argument_begin|>{dumped(given)}<|tool_call_end|>"
        for number, (name, given) in enumerate(calls)
    ]
    return f"<|tool_calls_section_begin|>{''.join(each)}<|tool_calls_section_end|><|im_end|>"


def glm45(calls: Sequence[Call]) -> str:
    def one(name: str, given: Mapping[str, Any]) -> str:
        pairs = [f"<arg_key>{key}</arg_key>\n<arg_value>{bare(value)}</arg_value>\n" for key, value in given.items()]
        return f"<tool_call>{name}\n{''.join(pairs)}</tool_call>"

    return "\n".join(one(*call) for call in calls)


def harmony(calls: Sequence[Call]) -> str:
    return "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{dumped(given)}<|call|>"
        for name, given in calls
    )


def harmony_bare(calls: Sequence[Call]) -> str:
    return "".join(f"assistantcommentary to=functions.{name} json{dumped(given)}" for name, given in calls)


def minimax_m2(calls: Sequence[Call]) -> str:
    return f"<minimax:tool_call>\n{invoked(calls, '', marked=False)}\n</minimax:tool_call>"


def minimax_m1(calls: Sequence[Call]) -> str:
    return "<tool_calls>\n" + "\n".join(objects(calls)) + "\n</tool_calls>"


def phi4(calls: Sequence[Call]) -> str:
    return f"<|tool_call|>[{', '.join(objects(calls))}]<|/tool_call|>"


def phi4_functools(calls: Sequence[Call]) -> str:
    return f"functools[{', '.join(objects(calls))}]"


def gemma_value(value: Any, mark: str) -> str:
    if isinstance(value, str):
        return f"{mark}{value}{mark}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{gemma_value(inner, mark)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(gemma_value(inner, mark) for inner in value) + "]"
    return dumped(value)


def gemma_function(calls: Sequence[Call]) -> str:
    return "".join(
        f"<start_function_call>call:{name}{gemma_value(given, '<escape>')}<end_function_call>" for name, given in calls
    )


def gemma4(calls: Sequence[Call]) -> str:
    mark = '<|"|>'
    return "".join(f"<|tool_call>call:{name}{gemma_value(given, mark)}<tool_call|>" for name, given in calls)


def command_r(calls: Sequence[Call]) -> str:
    each = [{"tool_call_id": str(n), "tool_name": name, "parameters": given} for n, (name, given) in enumerate(calls)]
    return f"<|START_ACTION|>{json.dumps(each, ensure_ascii=False, indent=4)}<|END_ACTION|>"


def command_r_fenced(calls: Sequence[Call]) -> str:
    each = [{"tool_name": name, "parameters": given} for name, given in calls]
    return f"Action: ```json\n{json.dumps(each, ensure_ascii=False, indent=4)}\n```"


def anthropic(calls: Sequence[Call]) -> str:
    return f"<function_calls>\n{invoked(calls, '', marked=False)}\n</function_calls>"


def react(calls: Sequence[Call]) -> str:
    return "\n".join(f"Action: {name}\nAction Input: {dumped(given)}" for name, given in calls) + "\nObservation:"


def plain(calls: Sequence[Call]) -> str:
    return "\n".join(objects(calls))


def toolcall(calls: Sequence[Call]) -> str:
    return f"<TOOLCALL>[{', '.join(objects(calls))}]</TOOLCALL>"


def lfm2(calls: Sequence[Call]) -> str:
    return f"<|tool_call_start|>{python(calls)}<|tool_call_end|>"


RENDERERS: dict[str, tuple[Renderer, ...]] = {
    "anthropic_xml": (anthropic,),
    "command_r": (command_r, command_r_fenced),
    "deepseek_v3": (deepseek_v3,),
    "deepseek_v31": (deepseek_v31,),
    "deepseek_v32": (deepseek_v32,),
    "gemma": (gemma_function, gemma4),
    "glm45": (glm45,),
    "gpt_oss": (harmony, harmony_bare),
    "hermes": (hermes,),
    "kimi_k2": (kimi_k2,),
    "llama": (llama_json, llama_python, llama_function),
    "minimax": (minimax_m2, minimax_m1),
    "mistral": (mistral_list, mistral_v11, mistral_v13),
    "other_tags": (toolcall, lfm2),
    "phi4": (phi4, phi4_functools),
    "plain_json": (plain,),
    "pythonic": (python,),
    "qwen": (qwen,),
    "qwen3_coder": (qwen3_coder,),
    "react": (react,),
}
