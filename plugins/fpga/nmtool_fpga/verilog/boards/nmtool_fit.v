// nmtool_top behind three pins: its inputs come from a shift register, its outputs are folded into
// another. For reports on size and clock; nothing can be done with it.
module nmtool_fit #(
    parameter SINGLE_PORT = 0,
    parameter MEM = "mem/"
) (
    input  wire clock,
    input  wire data,
    output wire folded
);
    localparam INPUTS = 39;
    localparam OUTPUTS = 95;

    reg [INPUTS-1:0]   given;
    reg [OUTPUTS-1:0]  taken;
    wire [OUTPUTS-1:0] told;

    assign folded = taken[OUTPUTS-1];

    always @(posedge clock) begin
        given <= {given[INPUTS-2:0], data};
        taken <= {taken[OUTPUTS-2:0], 1'b0} ^ told;
    end

    nmtool_top #(.SINGLE_PORT(SINGLE_PORT), .MEM(MEM)) top (
        .clock(clock), .reset(given[0]),
        .in_valid(given[1]), .in_ready(told[0]), .in_kind(given[3:2]), .in_channel(given[27:4]),
        .out_valid(told[1]), .out_ready(given[28]), .out_kind(told[3:2]),
        .out_population(told[19:4]), .out_index(told[43:20]), .out_value(told[68:44]),
        .answer_valid(told[69]), .answer(told[93:70]), .error(told[94]),
        .load_valid(given[29]), .load_first(given[30]), .load_data(given[38:31]));
endmodule
