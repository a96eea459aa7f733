// Parts of the core that a proof leaves open: memories and neurons that may hold and tell anything in
// any clock. What holds with them holds for all contents and all networks.
module nmtool_ram #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS_BITS = 1,
    parameter FILE = "",
    parameter FILLED = DEPTH
) (
    input  wire                    clock,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [WIDTH-1:0]        write_data,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output wire [WIDTH-1:0]        read_data
);
    (* anyseq *) wire [WIDTH-1:0] anything;
    assign read_data = anything;
endmodule

module nmtool_ram_single #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS_BITS = 1
) (
    input  wire                    clock,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] address,
    input  wire [WIDTH-1:0]        write_data,
    output wire [WIDTH-1:0]        read_data
);
    (* anyseq *) wire [WIDTH-1:0] anything;
    assign read_data = anything;
endmodule

module nmtool_neuron #(
    parameter ACC_BITS = 2,
    parameter SHIFT = 6,
    parameter BIAS_BITS = 1,
    parameter COUNT_BITS = 0
) (
    input  wire                        clock,
    input  wire [11:0]                 keep_u,
    input  wire [12:0]                 keep_v,
    input  wire [16:0]                 threshold,
    input  wire [18:0]                 drop,
    input  wire [COUNT_BITS:0]         allowed,
    input  wire [48:0]                 state,
    input  wire signed [BIAS_BITS-1:0] bias,
    input  wire signed [ACC_BITS-1:0]  arriving,
    output wire [24:0]                 done_u,
    output wire [23:0]                 done_v,
    output wire [COUNT_BITS:0]         done_spikes
);
    (* anyseq *) wire [24:0] any_u;
    (* anyseq *) wire [23:0] any_v;
    (* anyseq *) wire [COUNT_BITS:0] any_spikes;
    assign done_u = any_u;
    assign done_v = any_v;
    assign done_spikes = any_spikes[0] && allowed[0] ? any_spikes : 0;
endmodule
