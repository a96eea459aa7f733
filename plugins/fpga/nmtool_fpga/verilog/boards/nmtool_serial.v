// nmtool_top behind a serial line. Numbers of several bytes begin with the highest.
//
// To the board:
//     00 channel(3)           a spike; with counts, the upper 4 bits are the number of further ones
//     01                      the end of a step
//     02                      a sample begins
//     03 count(3) bytes       for the loader; the first is the number of a memory
//     04                      tell every word
//     05                      tell answers only, as it is after a reset
//
// From the board:
//     n0 population(2) index(3)             a spike and, with counts, n further ones
//     01 population(2) index(3) value(4)    a membrane
//     02 population(2) index(3) value(4)    a current
//     03 class(3)                           the end of a step, and the answer so far
//     04                                    before 03: a byte was lost, a channel or a command does not
//                                           exist, or a channel has more spikes than it may; it is
//                                           told with every step, until a reset
//
// The host waits for 03 before it sends the next step: 2^QUEUE_BITS bytes wait here.
module nmtool_serial #(
    parameter DIVIDER = 12,            // clocks per bit
    parameter QUEUE_BITS = 9,
    parameter SINGLE_PORT = 0,
    parameter DEEP = 0,
    parameter MEM = "mem/"
) (
    input  wire        clock,
    input  wire        reset,
    input  wire        rx,
    output wire        tx,
    output wire        answer_valid,   // for one clock
    output wire [23:0] answer,
    output reg         wrong           // what 04 says
);
    // ------------------------------------------------------------------ bytes in

    wire                received, queued, send_ready, send;
    wire [7:0]          received_data, command, send_data;
    wire [QUEUE_BITS:0] level;

    wire full = level[QUEUE_BITS];
    wire taken;

    nmtool_uart #(.DIVIDER(DIVIDER)) uart (
        .clock(clock), .reset(reset), .rx(rx), .tx(tx),
        .received(received), .received_data(received_data),
        .send(send), .send_ready(send_ready), .send_data(send_data));

    nmtool_fifo #(.WIDTH(8), .ADDRESS_BITS(QUEUE_BITS)) queue (
        .clock(clock), .reset(reset),
        .push(received && !full), .push_data(received_data),
        .valid(queued), .take(taken), .data(command), .level(level));

    // ------------------------------------------------------------------ commands

    localparam [7:0] SPIKE = 8'h00, END = 8'h01, BEGIN = 8'h02, LOAD = 8'h03, TELL_ALL = 8'h04,
                     TELL_ANSWERS = 8'h05;
    localparam [2:0] COMMAND = 3'd0, NUMBER = 3'd1, GIVE = 3'd2, LOADING = 3'd3;

    reg [2:0]  mode;
    reg        loads;                  // the number is a count of bytes, not a channel
    reg [1:0]  digits;                 // bytes of the number that are here
    reg [23:0] number;
    reg        none;                   // the number is 0
    reg [1:0]  in_kind;
    reg        load_first;
    reg        tells;                  // all words

    wire in_ready, error;
    wire begins = command == SPIKE || command == END || command == BEGIN || command == LOAD;

    assign taken = queued && mode != GIVE && !(mode == LOADING && none);

    always @(posedge clock)
        if (reset) begin
            mode <= COMMAND;
            tells <= 1'b0;
            wrong <= 1'b0;
        end else begin
            if ((received && full) || error) wrong <= 1'b1;
            case (mode)
                COMMAND: if (queued) begin
                    in_kind <= command[1:0];
                    loads <= command == LOAD;
                    digits <= 2'd0;
                    load_first <= 1'b1;
                    if (command == SPIKE || command == LOAD) mode <= NUMBER;
                    else if (begins) mode <= GIVE;
                    else if (command == TELL_ALL) tells <= 1'b1;
                    else if (command == TELL_ANSWERS) tells <= 1'b0;
                    else wrong <= 1'b1;
                end
                NUMBER: if (queued) begin
                    number <= {number[15:0], command};
                    none <= {number[15:0], command} == 24'd0;
                    digits <= digits + 2'd1;
                    if (digits == 2'd2) mode <= loads ? LOADING : GIVE;
                end
                GIVE: if (in_ready) mode <= COMMAND;
                default:
                    if (none) mode <= COMMAND;
                    else if (queued) begin
                        number <= number - 24'd1;
                        none <= number == 24'd1;
                        load_first <= 1'b0;
                    end
            endcase
        end

    // ------------------------------------------------------------------ words out

    localparam [1:0] OUT_SPIKE = 2'd0, OUT_END = 2'd3;

    reg [79:0] message;                // the byte that is sent next is the highest
    reg [3:0]  left;                   // bytes of it
    reg        answering;              // a step has ended, its answer is not here yet

    wire        out_valid;
    wire [1:0]  out_kind;
    wire [15:0] out_population;
    wire [23:0] out_index;
    wire [24:0] out_value;
    wire        out_ready = left == 4'd0 && !answering;
    wire [3:0]  further = out_kind == OUT_SPIKE ? out_value[3:0] : 4'd0;

    assign send = left != 4'd0;
    assign send_data = message[79:72];

    always @(posedge clock)
        if (reset) begin
            left <= 4'd0;
            answering <= 1'b0;
        end else if (answer_valid) begin
            message <= wrong ? {16'h0403, answer, 40'd0} : {8'h03, answer, 48'd0};
            left <= wrong ? 4'd5 : 4'd4;
            answering <= 1'b0;
        end else if (out_ready) begin
            message <= {further, 2'd0, out_kind, out_population, out_index, {7{out_value[24]}},
                        out_value};
            if (out_valid && out_kind == OUT_END) answering <= 1'b1;
            else if (out_valid && tells) left <= out_kind == OUT_SPIKE ? 4'd6 : 4'd10;
        end else if (send && send_ready) begin
            message <= {message[71:0], 8'd0};
            left <= left - 4'd1;
        end

    nmtool_top #(.DEEP(DEEP), .SINGLE_PORT(SINGLE_PORT), .MEM(MEM)) top (
        .clock(clock), .reset(reset),
        .in_valid(mode == GIVE), .in_ready(in_ready), .in_kind(in_kind), .in_channel(number),
        .out_valid(out_valid), .out_ready(out_ready), .out_kind(out_kind),
        .out_population(out_population), .out_index(out_index), .out_value(out_value),
        .answer_valid(answer_valid), .answer(answer), .error(error),
        .load_valid(mode == LOADING && taken), .load_first(load_first), .load_data(command));
endmodule
