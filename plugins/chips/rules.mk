# make rules of this plug-in, read by the Makefile of the repository.
.PHONY: brian2-loihi fenn

# Before all other tests, which then use these simulators.
SIMULATORS += brian2-loihi fenn
MARKERS += brian2_loihi fenn

brian2-loihi: $(VENV)/.dev
	$(BIN)/nmtool setup brian2-loihi

# FeNN's simulator, compiled from its sources: those on GitHub, or in the clones RISCV_ISE and GENN.
fenn: $(VENV)/.dev
	@$(BIN)/nmtool setup fenn $(if $(RISCV_ISE),--riscv-ise $(RISCV_ISE)) $(if $(GENN),--genn $(GENN)) \
		|| echo "no FeNN: what runs in its simulator is not tested (make fenn RISCV_ISE=... GENN=...)"
