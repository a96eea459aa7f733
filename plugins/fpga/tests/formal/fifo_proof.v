// nmtool_fifo against a list: what is taken are the words that were pushed, in their order.
//
// Names with a dot are signals inside, which Yosys connects: counters, and the words of the memory.
// In INDUCTION is what an induction has to know: words between the two ends stay as they were pushed.
module fifo_proof #(
    parameter WIDTH = 3
) (
    input wire             clock,
    input wire             reset,
    input wire             push,
    input wire [WIDTH-1:0] push_data,
    input wire             take
);
    localparam ADDRESS_BITS = 2;
    localparam DEPTH = 1 << ADDRESS_BITS;

    // Clocks from the push of a word to when it can be taken, if none is before it.
    localparam LATENCY = 4;

    wire                   valid;
    wire [WIDTH-1:0]       data;
    wire [ADDRESS_BITS:0]  level;
    (* hierconn *) wire [ADDRESS_BITS:0] \fifo.pushed , \fifo.fetched ;
    (* hierconn *) wire [1:0] \fifo.read ;
    (* hierconn *) wire [WIDTH-1:0] \fifo.held.content[0] , \fifo.held.content[1] ,
                                    \fifo.held.content[2] , \fifo.held.content[3] ,
                                    \fifo.read_data , \fifo.held_data ;
    wire [4*WIDTH-1:0] content = {\fifo.held.content[3] , \fifo.held.content[2] ,
                                  \fifo.held.content[1] , \fifo.held.content[0] };

    nmtool_fifo #(.WIDTH(WIDTH), .ADDRESS_BITS(ADDRESS_BITS)) fifo (
        .clock(clock), .reset(reset), .push(push), .push_data(push_data), .valid(valid),
        .take(take), .data(data), .level(level));

    // The list: all words that may still be in it, by their number modulo twice the depth.
    reg [WIDTH-1:0]      list [0:2*DEPTH-1];
    reg [ADDRESS_BITS:0] pushed = 0, taken = 0;
    reg                  started = 1'b0;

    wire [ADDRESS_BITS:0] held = pushed - taken;

    always @(posedge clock) begin
        started <= 1'b1;
        if (reset) {pushed, taken} <= 0;
        else begin
            pushed <= pushed + push;
            taken <= taken + take;
        end
        if (push) list[pushed] <= push_data;
    end

    // Whoever pushes looks that there is room, and whoever takes that there is a word.
    always @* begin
        if (!started) assume (reset);
        if (level == DEPTH) assume (!push);
        if (!valid) assume (!take);
    end

    // Words that are not fetched yet, and where the n-th of them lies.
    wire [ADDRESS_BITS:0] unfetched = pushed - \fifo.fetched ;
    reg [ADDRESS_BITS:0]  place;
    integer               n;

    always @* if (started) begin
        assert (level == held);
        assert (held <= DEPTH);
        if (valid) assert (held != 0 && data == list[taken]);
    end

`ifdef INDUCTION
    always @* if (started) begin
        assert (\fifo.pushed == pushed);
        assert (unfetched + valid == held);
        assert (unfetched <= DEPTH);
        if (\fifo.read != 0) assert (unfetched != 0 && \fifo.read_data == list[\fifo.fetched ]);
        if (\fifo.read [1]) assert (\fifo.held_data == list[\fifo.fetched ]);
        for (n = 0; n < DEPTH; n = n + 1) begin
            place = \fifo.fetched + n;
            if (n < unfetched)
                assert (content[place[ADDRESS_BITS-1:0]*WIDTH +: WIDTH] == list[place]);
        end
    end
`endif

    // None stays hidden.
    reg [1:0] hidden = 0;       // clocks in which there was a word that could not be taken

    always @(posedge clock)
        if (reset || valid || held == 0) hidden <= 0;
        else hidden <= hidden + 1;

    always @* if (started) begin
        assert (hidden < LATENCY);
        if (hidden == LATENCY - 1) assert (valid);
`ifdef INDUCTION
        if (hidden != 0 && !valid) assert (\fifo.read [hidden-1]);
`endif
    end
endmodule
