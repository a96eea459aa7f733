# make rules of this plug-in, read by the Makefile of the repository.
.PHONY: processors

NIGHTLY += processors
MARKERS += processors

# The C export on emulated processors. Compilers and emulators are packages of the system, of 0.9 GB.
processors: $(VENV)/.dev
	@for tool in arm-none-eabi-gcc qemu-system-arm riscv64-unknown-elf-gcc qemu-system-riscv32; do \
		command -v $$tool >/dev/null || echo "no $$tool: C is not tested on its processor (nmtool doctor says what to install)"; \
	done
	$(BIN)/$(PYTEST) -m processors plugins/mcu
