"""Processors for which the C export is compiled, and which QEMU emulates.

A processor is an entry of `PROCESSORS`, a class in `emulated.py`, and an entry point.

>>> PROCESSORS["riscv32"].title, PROCESSORS["riscv32"].compile_command[0]
('RV32IMC', 'riscv64-unknown-elf-gcc')
"""

from __future__ import annotations

from nmtool.exporters.c.processor import Counter, Processor, Region

_PICOLIBC = ("--specs=picolibc.specs", "--crt0=semihost", "--oslib=semihost")
_QEMU = (
    *("-nographic", "-monitor", "none", "-serial", "none", "-chardev", "stdio,id=host"),
    *("-semihosting-config", "enable=on,target=native,chardev=host", "-kernel"),
)
_MIB = 1 << 20

_TIMER = """\
    volatile uint32_t *timer = (volatile uint32_t *)0x40000000; /* control, value, reload */

    if (timer[0] == 0) {
        timer[2] = timer[1] = UINT32_MAX;
        timer[0] = 1;
    }
    return UINT32_MAX - timer[1];"""
_INSTRET = """\
    uint32_t retired;

    __asm__ volatile("csrr %0, minstret" : "=r"(retired) : : "memory");
    return retired;"""


PROCESSORS: dict[str, Processor] = {
    processor.name: processor
    for processor in (
        Processor(
            name="cortex-m",
            title="Cortex-M4",
            compiler="arm-none-eabi-gcc",
            options=("-mcpu=cortex-m4", "-mthumb", *_PICOLIBC),
            library="picolibc.specs",
            emulator=("qemu-system-arm", "-M", "mps2-an386", *_QEMU),
            packages=("gcc-arm-none-eabi", "picolibc-arm-none-eabi", "qemu-system-arm"),
            flash=Region(0, 4 * _MIB),
            ram=Region(0x2100_0000, 16 * _MIB),
            # The timer counts at 25 MHz, which is one tick per 40 ns. An instruction takes 128 ns,
            # or 3.2 ticks. The number of ticks is wrong by less than one tick, which is less than
            # half an instruction. So ticks · 5/16, rounded, is the exact number of instructions.
            counter=Counter(7, _TIMER, ticks=16, instructions=5),
        ),
        Processor(
            name="riscv32",
            title="RV32IMC",
            compiler="riscv64-unknown-elf-gcc",
            options=("-march=rv32imc_zicsr", "-mabi=ilp32", *_PICOLIBC),
            library="picolibc.specs",
            emulator=("qemu-system-riscv32", "-M", "virt", "-bios", "none", *_QEMU),
            packages=(
                *("gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"),
                "qemu-system-riscv",
            ),
            flash=Region(0x8000_0000, 64 * _MIB),
            ram=Region(0x8400_0000, 32 * _MIB),
            counter=Counter(0, _INSTRET),
        ),
    )
}
