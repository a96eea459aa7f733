// nmtool_again against the definition of its outputs, for any v and u and some constants.
//
// Names with a dot are signals inside, which Yosys connects. Stage by stage, more digits of the number of
// spikes are known; what is asserted of all stages is what an induction has to know.
module again_proof #(
    parameter COUNT_BITS = 4
) (
    input wire        clock,
    input wire        reset,
    input wire [24:0] u,
    input wire [23:0] v
);
    localparam STAGES = COUNT_BITS + 2, WIDTH = 50;

    // With any constants, z3 does not finish.
    (* anyconst *) wire [2:0] which;
    reg [16:0]                threshold;
    reg [17:0]                drop;
    reg [3:0]                 most;

    always @* case (which)
        3'd0: {threshold, drop, most} = {17'd0, 18'd1, 4'd14};
        3'd1: {threshold, drop, most} = {17'd0, 18'd8738, 4'd14};
        3'd2: {threshold, drop, most} = {17'd131071, 18'd262142, 4'd14};
        3'd3: {threshold, drop, most} = {17'd400, 18'd700, 4'd13};
        3'd4: {threshold, drop, most} = {17'd30000, 18'd6001, 4'd10};
        3'd5: {threshold, drop, most} = {17'd1000, 18'd16000, 4'd7};
        3'd6: {threshold, drop, most} = {17'd5, 18'd3, 4'd1};
        default: {threshold, drop, most} = {17'd100, 18'd37, 4'd0};
    endcase

    wire [24:0]           later_u;
    wire [23:0]           rest;
    wire [COUNT_BITS-1:0] more;

    (* hierconn *) wire [WIDTH*(COUNT_BITS+1)-1:0] \again.states ;
    (* hierconn *) wire [COUNT_BITS*(COUNT_BITS+1)-1:0] \again.counts ;

    nmtool_again #(.COUNT_BITS(COUNT_BITS)) again (
        .clock(clock), .threshold(threshold), .drop(drop), .most(most), .u(u), .v(v),
        .later_u(later_u), .rest(rest), .more(more));

    // What entered [n] + 1 clocks ago, if there was so much time.
    reg [24:0]       u_then [0:STAGES-1];
    reg [23:0]       v_then [0:STAGES-1];
    reg [STAGES-1:0] passed = 0;
    integer          n;

    always @(posedge clock) begin
        u_then[0] <= u;
        v_then[0] <= v;
        for (n = 1; n < STAGES; n = n + 1) begin
            u_then[n] <= u_then[n-1];
            v_then[n] <= v_then[n-1];
        end
        passed <= {passed, 1'b1};
    end

    // What so many spikes subtract, over 64.
    function [22:0] all_drops(input [COUNT_BITS-1:0] spikes);
        integer digit;
        begin
            all_drops = 0;
            for (digit = COUNT_BITS - 1; digit >= 0; digit = digit - 1)
                if (spikes[digit]) all_drops = all_drops + (drop << digit);
        end
    endfunction

    reg signed [23:0]    high, above, above_now, next;     // over 64
    reg [COUNT_BITS-1:0] count;
    reg [24:0]           u_now;
    reg [5:0]            low_now;
    reg                  even;

    always @* begin
        for (n = 0; n < STAGES; n = n + 1) if (passed[n]) begin
            high = $signed(v_then[n][23:6]);
            even = v_then[n][5:0] == 0;
            above = high - threshold - even;
            if (n <= COUNT_BITS) begin
                u_now = \again.states [WIDTH*n + 25 +: 25];
                above_now = $signed(\again.states [WIDTH*n + 6 +: 19]);
                low_now = \again.states [WIDTH*n +: 6];
                count = \again.counts [COUNT_BITS*n +: COUNT_BITS];
                next = above_now - (drop << (COUNT_BITS - n));
                assert ((count & ((1 << (COUNT_BITS - n)) - 1)) == 0);
                // No higher digit is missing.
                assert (next < 0 || count + (1 << (COUNT_BITS - n)) > most);
            end else begin
                u_now = later_u;
                low_now = rest[5:0];
                count = more;
                above_now = $signed(rest[23:6]);
                next = above_now - threshold - even;
                assert (above_now == high - all_drops(more));
                above_now = next;
                next = next - drop;
                // There is none but those.
                assert (next < 0 || more == most);
            end
            assert (u_now == u_then[n] && low_now == v_then[n][5:0] && count <= most);
            assert (above_now == above - all_drops(count));
            // All of them leave v above the threshold.
            if (count != 0) assert (above_now >= 0);
        end
    end
endmodule
