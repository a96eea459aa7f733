"""PTX of a kernel as C++: every instruction is a statement, every register a variable.

An unknown instruction raises an error. All known ones round as in IEEE 754, so that numbers equal
those of a GPU to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

TYPES = {
    **{f"{sign}{bits}": f"uint{bits}_t" for sign in "bu" for bits in (8, 16, 32, 64)},
    **{f"s{bits}": f"int{bits}_t" for bits in (8, 16, 32, 64)},
    "f32": "float",
    "f64": "double",
    "pred": "bool",
}
"""C++ types by PTX type."""

SPECIAL = {
    f"%{name}.{axis}": f"m.{field}[{index}]"
    for name, field in (
        ("tid", "thread_index"),
        ("ctaid", "block_index"),
        ("ntid", "block_size"),
        ("nctaid", "grid_size"),
    )
    for index, axis in enumerate("xyz")
} | {"%dynamic_smem_size": "m.shared_bytes"}
"""Special registers, which the hardware sets."""

COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
UNORDERED = {"ltu": ">=", "leu": ">", "gtu": "<=", "geu": "<", "neu": "=="}
"""Comparisons that are true for NaN, with the comparison that each one negates."""

OPERATORS = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^"}


class UnknownPtxError(ValueError):
    """An instruction or declaration that this translator does not know."""


@dataclass(frozen=True)
class Program:
    """A kernel in C++.

    Attributes:
        name: mangled name of the kernel.
        parameters: size of each parameter in bytes.
        source: the C++ code, to be compiled with `grid.h`.
    """

    name: str
    parameters: list[int]
    source: str


def translate(ptx: str, *, count_sectors: bool = False) -> Program:
    """Translate the only kernel of a PTX text.

    Args:
        ptx: the text.
        count_sectors: True to count sectors of global memory, which takes several times as long.

    Raises:
        UnknownPtxError: the text has an unknown instruction or declaration.
    """
    entry = re.search(r"\.entry\s+(\w+)\s*\((.*?)\)([^{]*)\{", ptx, re.DOTALL)
    if (
        entry is None
        or len(re.findall(r"^\s*(?:\.\w+ )*\.(?:entry|func)\b", ptx, re.MULTILINE)) != 1
    ):
        raise UnknownPtxError("a text of one kernel, without functions, is expected")
    body = _Body(ptx, entry)
    for number, line in enumerate(ptx.split("\n"), 1):
        if number > ptx.count("\n", 0, entry.end()):
            body.add(re.sub(r"//.*", "", line).strip().strip("{}"), number)
    header = "#define COUNT_SECTORS\n" if count_sectors else ""
    source = f'{header}#include "grid.h"\n{body.source()}'
    return Program(entry[1], body.sizes, source)


class _Body:
    """The kernel's statements so far.

    Args:
        ptx: the whole text.
        entry: match of the declaration of the kernel in the text.
    """

    def __init__(self, ptx: str, entry: re.Match[str]) -> None:
        names = re.findall(r"\.param\s+\.[a-z](\d+)(?:\s+\.ptr\s+\.align\s+\d+)?\s+(\w+)", entry[2])
        self.sizes = [int(bits) // 8 for bits, _ in names]
        self.offsets: dict[str, int] = {}
        end = 0
        for size, (_, name) in zip(self.sizes, names, strict=True):
            self.offsets[name] = -(-end // size) * size
            end = self.offsets[name] + size
        shared = r"^\s*\.extern\s+\.shared\s+\.align\s+\d+\s+\.b8\s+(\w+)\[\]"
        self.dynamic = set(re.findall(shared, ptx, re.MULTILINE))
        if re.search(r"^\s*\.(shared|const|local)", ptx, re.MULTILINE):
            raise UnknownPtxError("static memory of a kernel")
        self.registers: list[str] = []
        self.code: list[str] = []
        self.uncounted = 0

    def add(self, text: str, line: int) -> None:
        """Add a line of the PTX: a label and statements, each of which ends with `;`."""
        for part in filter(None, (part.strip() for part in text.split(";"))):
            label = re.match(r"(\$?\w+):\s*(.*)", part, re.DOTALL)
            if label:
                self._count()
                self.code.append(f"{_label(label[1])}: ;")
            statement = label[2] if label else part
            if statement.startswith("."):
                self._declare(statement)
            elif statement:
                self._add_statement(statement, line)

    def source(self) -> str:
        """C++ that declares the registers, and runs a thread until its next barrier."""
        self._count()
        code = "\n    ".join(self.code)
        return (
            f"struct Registers {{ uint32_t place; {' '.join(self.registers)} }};\n"
            "static size_t size_of_registers() { return (sizeof(Registers) + 15) / 16 * 16; }\n"
            "static uint32_t place_of(const Registers *r) { return r->place; }\n"
            "static bool run_to_barrier(Registers *kept, Machine &m, const uint8_t *parameters) {\n"
            "  Registers R = *kept;\n"
            f"  switch (R.place) {{ case 0: ;\n    {code}\n  }}\n"
            "  kept->place = ENDED;\n  return false;\n}\n"
        )

    def _declare(self, statement: str) -> None:
        if statement.startswith((".loc", ".pragma", ".file")):
            return
        register = re.fullmatch(r"\.reg\s+\.(\w+)\s+(%?\w+)(?:<(\d+)>)?", statement)
        if register is None:
            raise UnknownPtxError(statement)
        kind, name, many = register.groups()
        names = [f"{name}{index}" for index in range(int(many))] if many else [name]
        self.registers += [f"{TYPES[kind]} {_variable(register_name)};" for register_name in names]

    def _count(self) -> None:
        """Count the instructions since the last label or jump."""
        if self.uncounted:
            self.code.append(f"m.counts[INSTRUCTIONS] += {self.uncounted};")
            self.uncounted = 0

    def _add_statement(self, statement: str, line: int) -> None:
        guard = re.match(r"@(!?)(%\w+)\s+(.*)", statement, re.DOTALL)
        condition = f"if ({guard[1]}R.{_variable(guard[2])}) " if guard else ""
        opcode, _, rest = (guard[3] if guard else statement).replace("\t", " ").partition(" ")
        operands = [part.strip() for part in re.split(r",(?![^\[]*\])", rest) if part.strip()]
        self.uncounted += 1
        if opcode in ("bar.sync", "barrier.sync"):
            self._count()
            stop = f"R.place = {line}; *kept = R; return true;"
            self.code.append(f"{condition}{{ {stop} }} case {line}: ;")
            return
        if opcode in ("bra", "bra.uni", "ret"):
            self._count()
        instruction = Instruction(opcode, operands, line, self.offsets, self.dynamic)
        self.code.append(f"{condition}{{ {instruction.cpp()} }}")


@dataclass(frozen=True)
class Instruction:
    """An instruction of a kernel.

    Attributes:
        opcode: operation with types and modifiers.
        operands: operands as in the PTX.
        line: line of the PTX.
        offsets: offset in bytes of each of the kernel's parameters.
        dynamic: names of the dynamic shared memory.
    """

    opcode: str
    operands: list[str]
    line: int
    offsets: dict[str, int]
    dynamic: set[str]

    def cpp(self) -> str:
        """The C++ statement of the instruction.

        Raises:
            UnknownPtxError: the instruction is unknown.
        """
        name, *modifiers = self.opcode.split(".")
        translation = _BY_NAME.get(name)
        statement = translation(self, modifiers) if translation else None
        if statement is None:
            raise UnknownPtxError(f"{self.opcode} {', '.join(self.operands)}")
        return statement

    def value(self, index: int, kind: str) -> str:
        """C++ expression for the value of an operand, read as a type of PTX."""
        operand = self.operands[index]
        if operand in SPECIAL:
            return SPECIAL[operand]
        if operand in self.dynamic:
            return "0"
        if re.fullmatch(r"0[fF][0-9A-Fa-f]{8}", operand):
            return f"as<float>(uint32_t(0x{operand[2:]}u))"
        if re.fullmatch(r"0[dD][0-9A-Fa-f]{16}", operand):
            return f"as<double>(uint64_t(0x{operand[2:]}ull))"
        if re.fullmatch(r"-?\d+", operand):
            return f"({TYPES[kind]}){operand}ll"
        if not operand.startswith("%"):
            raise UnknownPtxError(f"{self.opcode}: operand {operand}")
        register = f"R.{_variable(operand)}"
        return register if kind == "pred" else f"as<{TYPES[kind]}>({register})"

    def assign(self, expression: str) -> str:
        """C++ statement that assigns a value to the first operand."""
        return f"assign(R.{_variable(self.operands[0])}, {expression});"

    def address(self, index: int) -> str:
        """C++ expression for the address in an operand in brackets."""
        place = re.fullmatch(r"\[([%\w$]+)(?:\+(-?\d+))?\]", self.operands[index])
        if place is None:
            raise UnknownPtxError(f"{self.opcode}: address {self.operands[index]}")
        base = "0" if place[1] in self.dynamic else f"R.{_variable(place[1])}"
        return f"((uint64_t){base} + (int64_t){place[2] or 0})"


_Translation = Callable[[Instruction, list[str]], "str | None"]


def _load(instruction: Instruction, modifiers: list[str]) -> str | None:
    space, kind = modifiers[0], modifiers[-1]
    if space == "param":
        name = instruction.operands[1].strip("[]")
        offset = instruction.offsets[name]
        return instruction.assign(f"*(const {TYPES[kind]} *)(parameters + {offset})")
    if len(modifiers) != 2 or kind not in TYPES:
        return None
    place = f"{instruction.address(1)}, {instruction.line}"
    if space == "shared":
        return instruction.assign(f"m.load_shared<{TYPES[kind]}>({place})")
    if space == "global":
        load = instruction.assign(f"m.load_global<{TYPES[kind]}>({place}, hint)")
        return f"static int hint; {load}"
    return None


def _store(instruction: Instruction, modifiers: list[str]) -> str | None:
    space, kind = modifiers[0], modifiers[-1]
    if len(modifiers) != 2 or kind not in TYPES or int(kind[1:]) < 32:
        return None
    arguments = f"{instruction.address(0)}, {instruction.value(1, kind)}, {instruction.line}"
    if space == "shared":
        return f"m.store_shared<{TYPES[kind]}>({arguments});"
    if space == "global":
        return f"static int hint; m.store_global<{TYPES[kind]}>({arguments}, hint);"
    return None


def _atomic(instruction: Instruction, modifiers: list[str]) -> str | None:
    if modifiers not in (["shared", "or", "b32"], ["relaxed", "sys", "shared", "or", "b32"]):
        return None
    arguments = f"{instruction.address(1)}, {instruction.value(2, 'b32')}, {instruction.line}"
    return instruction.assign(f"m.atomic_or({arguments})")


def _move(instruction: Instruction, modifiers: list[str]) -> str | None:
    return instruction.assign(instruction.value(1, modifiers[-1]))


def _to_global(instruction: Instruction, modifiers: list[str]) -> str | None:
    same = modifiers == ["to", "global", "u64"]
    return instruction.assign(instruction.value(1, "u64")) if same else None


def _binary(instruction: Instruction, modifiers: list[str]) -> str | None:
    *mode, kind = modifiers
    name = instruction.opcode.split(".")[0]
    first, second = instruction.value(1, kind), instruction.value(2, kind)
    if name == "mul" and mode == ["wide"] and kind in ("s32", "u32"):
        wide = TYPES[kind[0] + "64"]
        return instruction.assign(f"({wide}){first} * ({wide}){second}")
    if name == "mul" and mode == ["hi"] and kind in ("s64", "u64"):
        wide = "__int128" if kind == "s64" else "unsigned __int128"
        product = f"({wide}){first} * ({wide}){second}"
        return instruction.assign(f"({TYPES[kind]})(({product}) >> 64)")
    if mode not in ([], ["lo"], ["rn"]) or (mode == ["rn"] and kind[0] != "f"):
        return None
    if kind[0] == "f" or kind == "pred":
        return instruction.assign(f"{first} {OPERATORS[name]} {second}")
    # The C++ code uses unsigned numbers, which wrap around. The overflow of signed numbers is
    # undefined in C++.
    return instruction.assign(_wrapped(kind, f"{{}}{first} {OPERATORS[name]} {{}}{second}"))


def _wrapped(kind: str, expression: str) -> str:
    """C++ expression of integers that wraps around; `{}` is replaced by the cast of an operand."""
    cast = f"({TYPES['u' + kind[1:]]})"
    return f"({TYPES[kind]})({expression.replace('{}', cast)})"


def _multiply_add(instruction: Instruction, modifiers: list[str]) -> str | None:
    mode, kind = modifiers[:-1], modifiers[-1]
    first, second, third = (instruction.value(index, kind) for index in (1, 2, 3))
    if mode == ["rn"]:
        return instruction.assign(f"std::fma({first}, {second}, {third})")
    if mode == ["lo"]:
        return instruction.assign(_wrapped(kind, f"{{}}{first} * {{}}{second} + {{}}{third}"))
    if mode == ["wide"] and kind in ("s32", "u32"):
        wide = TYPES[kind[0] + "64"]
        third = instruction.value(3, kind[0] + "64")
        product = f"(uint64_t)(({wide}){first} * ({wide}){second})"
        return instruction.assign(f"({wide})({product} + (uint64_t){third})")
    return None


def _divide(instruction: Instruction, modifiers: list[str]) -> str | None:
    *mode, kind = modifiers
    first, second = instruction.value(1, kind), instruction.value(2, kind)
    if mode == ["rn"]:
        return instruction.assign(f"{first} / {second}")
    if mode or kind[0] == "f":
        return None
    name = {"div": "quotient", "rem": "remainder"}[instruction.opcode.split(".")[0]]
    return instruction.assign(f"m.{name}<{TYPES[kind]}>({first}, {second}, {instruction.line})")


def _extreme(instruction: Instruction, modifiers: list[str]) -> str | None:
    if len(modifiers) != 1:
        return None
    (kind,) = modifiers
    name = instruction.opcode.split(".")[0]
    first, second = instruction.value(1, kind), instruction.value(2, kind)
    if kind[0] == "f":
        return instruction.assign(f"std::f{name}({first}, {second})")
    sign = ">" if name == "max" else "<"
    return instruction.assign(f"{first} {sign} {second} ? {first} : {second}")


def _negate(instruction: Instruction, modifiers: list[str]) -> str | None:
    (kind,) = modifiers
    operand = instruction.value(1, kind)
    if kind[0] == "f":
        return instruction.assign(f"-{operand}")
    return instruction.assign(_wrapped(kind, f"{{}}0 - {{}}{operand}"))


def _invert(instruction: Instruction, modifiers: list[str]) -> str | None:
    (kind,) = modifiers
    return instruction.assign(f"{'!' if kind == 'pred' else '~'}{instruction.value(1, kind)}")


def _select(instruction: Instruction, modifiers: list[str]) -> str | None:
    (kind,) = modifiers
    first, second = instruction.value(1, kind), instruction.value(2, kind)
    return instruction.assign(f"{instruction.value(3, 'pred')} ? {first} : {second}")


def _compare(instruction: Instruction, modifiers: list[str]) -> str | None:
    if len(modifiers) != 2:
        return None
    comparison, kind = modifiers
    first, second = instruction.value(1, kind), instruction.value(2, kind)
    if kind[0] == "f" and comparison in UNORDERED:
        return instruction.assign(f"!({first} {UNORDERED[comparison]} {second})")
    # If an operand is NaN, `ne` of PTX is false, but != of C++ is true.
    if comparison not in COMPARISONS or (kind[0] == "f" and comparison == "ne"):
        return None
    return instruction.assign(f"{first} {COMPARISONS[comparison]} {second}")


def _shift(instruction: Instruction, modifiers: list[str]) -> str | None:
    (kind,) = modifiers
    name = "shifted_left" if instruction.opcode.startswith("shl") else "shifted_right"
    operands = f"{instruction.value(1, kind)}, {instruction.value(2, 'u32')}"
    return instruction.assign(f"{name}<{TYPES[kind]}>({operands})")


def _bits(instruction: Instruction, modifiers: list[str]) -> str | None:
    function = {
        "popc.b32": "__builtin_popcount",
        "popc.b64": "__builtin_popcountll",
        "brev.b32": "reversed_bits",
        "bfind.shiftamt.u32": "leading_zeros",
    }.get(instruction.opcode)
    operand = instruction.value(1, modifiers[-1])
    return instruction.assign(f"{function}({operand})") if function else None


def _convert(instruction: Instruction, modifiers: list[str]) -> str | None:
    *mode, target, source = modifiers
    # Kernels never convert floats to integers. All other conversions are exact, or round to the
    # nearest number.
    exact = source[0] != "f" if target[0] != "f" else (source, target) == ("f32", "f64")
    if mode != ([] if exact else ["rn"]) or (source[0] == "f" and target[0] != "f"):
        return None
    return instruction.assign(f"({TYPES[target]}){instruction.value(1, source)}")


def _jump(instruction: Instruction, modifiers: list[str]) -> str | None:
    return f"goto {_label(instruction.operands[0])};" if modifiers in ([], ["uni"]) else None


def _end(instruction: Instruction, modifiers: list[str]) -> str | None:
    return "kept->place = ENDED; return false;"


_BY_NAME: dict[str, _Translation] = {
    "ld": _load,
    "st": _store,
    "atom": _atomic,
    "mov": _move,
    "cvta": _to_global,
    **dict.fromkeys(OPERATORS, _binary),
    "mad": _multiply_add,
    "fma": _multiply_add,
    "div": _divide,
    "rem": _divide,
    "max": _extreme,
    "min": _extreme,
    "neg": _negate,
    "not": _invert,
    "selp": _select,
    "setp": _compare,
    "shl": _shift,
    "shr": _shift,
    "popc": _bits,
    "brev": _bits,
    "bfind": _bits,
    "cvt": _convert,
    "bra": _jump,
    "ret": _end,
}


def _label(name: str) -> str:
    return "L" + name.replace("$", "")


def _variable(register: str) -> str:
    return register.replace("%", "").replace("$", "_")
