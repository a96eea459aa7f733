"""`nmtool_top.v`: the core and its readout block with the parameters of one network."""

from __future__ import annotations

from string import Template

from nmtool_fpga.verilog.answer import AnswerBlock
from nmtool_fpga.verilog.layout import BANK_BITS, Layout

_TOP = Template("""\
// The core with the widths and depths of one network. What the network is lies in the contents of
// its memories, in MEM. README.md describes the ports.
module nmtool_top #(
    parameter DEEP = $deep,
    parameter SINGLE_PORT = 0,
    parameter BANK_BITS = $bank_bits,
    parameter MEM = "mem/"
) (
    input  wire        clock,
    input  wire        reset,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire [1:0]  in_kind,
    input  wire [23:0] in_channel,
    output wire        out_valid,
    input  wire        out_ready,
    output wire [1:0]  out_kind,
    output wire [15:0] out_population,
    output wire [23:0] out_index,
    output wire [24:0] out_value,
    output wire        answer_valid,
    output wire [23:0] answer,
    output wire        error,
    input  wire        load_valid,
    input  wire        load_first,
    input  wire [7:0]  load_data
);
    localparam LOAD_BITS = $load_bits;
    localparam LOAD_ADDRESS_BITS = $load_address_bits;

    wire                         core_valid, answer_ready, sample_begins;
    wire                         word_valid;
    wire [2:0]                   word_memory;
    wire [LOAD_ADDRESS_BITS-1:0] word_address;
    wire [LOAD_BITS-1:0]         word_data;

    assign out_valid = core_valid && answer_ready;

    nmtool_loader #(
        .LOAD_BITS(LOAD_BITS), .LOAD_ADDRESS_BITS(LOAD_ADDRESS_BITS)
    ) loader (
        .clock(clock), .reset(reset),
        .valid(load_valid), .first(load_first), .data(load_data),
        .load_valid(word_valid), .load_memory(word_memory),
        .load_address(word_address), .load_data(word_data));

    nmtool_core #(
$core,
        .BANK_BITS(BANK_BITS), .DEEP(DEEP), .SINGLE_PORT(SINGLE_PORT), .MEM(MEM)
    ) core (
        .clock(clock), .reset(reset),
        .in_valid(in_valid), .in_ready(in_ready), .in_kind(in_kind), .in_channel(in_channel),
        .out_valid(core_valid), .out_ready(out_ready && answer_ready), .out_kind(out_kind),
        .out_population(out_population), .out_index(out_index), .out_value(out_value),
        .sample_begins(sample_begins), .error(error),
        .load_valid(word_valid), .load_memory(word_memory),
        .load_address(word_address), .load_data(word_data));

    nmtool_answer #(
$answer,
        .MEM(MEM)
    ) answers (
        .clock(clock), .reset(reset), .begins(sample_begins),
        .told(out_valid && out_ready), .kind(out_kind), .population(out_population),
        .index(out_index), .value(out_value), .ready(answer_ready),
        .answer_valid(answer_valid), .answer(answer));
endmodule
""")


def top_text(layout: Layout, answer: AnswerBlock, deep: bool) -> str:
    """The text of the module `nmtool_top` for a network.

    Args:
        layout: layout of the network.
        answer: its readout block.
        deep: default of the parameter `DEEP`, which outputs u and v of every neuron.
    """
    return _TOP.substitute(
        deep=int(deep),
        bank_bits=BANK_BITS[layout.lanes],
        load_bits=layout.parameters["LOAD_BITS"],
        load_address_bits=layout.parameters["LOAD_ADDRESS_BITS"],
        core=_assigned(layout.parameters),
        answer=_assigned(answer.parameters),
    )


def _assigned(parameters: dict[str, int]) -> str:
    """Parameters of a module as Verilog text."""
    return ",\n".join(f"        .{name}({value})" for name, value in parameters.items())
