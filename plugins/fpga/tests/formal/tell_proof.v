// nmtool_tell against a list of records: its words are all of theirs, each once, in their order, and
// stay until they are taken. It holds with the queue of queue.v.
//
// Names with a dot are signals inside, which Yosys connects. In INDUCTION is what an induction has to
// know: how they relate to the list.
module tell_proof #(
    parameter SLICE_BITS = 1,
    parameter COUNT_BITS = 0,
    parameter DEEP = 1
) (
    input wire                        clock,
    input wire                        reset,
    input wire                        done,
    input wire                        ends,
    input wire                        population,
    input wire                        spiking,
    input wire [2:0]                  index,
    input wire [(1<<SLICE_BITS)-1:0]  exist,
    input wire [((COUNT_BITS+1)<<SLICE_BITS)-1:0] spikes,
    input wire [(24<<SLICE_BITS)-1:0] v,
    input wire [(25<<SLICE_BITS)-1:0] u,
    input wire                        out_ready
);
    localparam SLICES = 1 << SLICE_BITS;
    localparam [2:0] LAST = SLICES - 1;
    localparam PLACE_BITS = SLICE_BITS > 0 ? SLICE_BITS : 1;
    localparam SPIKE_BITS = COUNT_BITS + 1;
    localparam WIDTH = 6 + (50 + SPIKE_BITS) * SLICES;
    localparam HELD = 6 + ((DEEP != 0 ? 50 : 25) + SPIKE_BITS) * SLICES;
    localparam [1:0] SPIKE = 2'd0, MEMBRANE = 2'd1, CURRENT = 2'd2, END = 2'd3;

    wire        room, empty, out_valid;
    wire [1:0]  out_kind;
    wire [15:0] out_population;
    wire [23:0] out_index;
    wire [24:0] out_value;

    (* hierconn *) wire [HELD-1:0] \tell.records.first , \tell.records.second ;
    (* hierconn *) wire [1:0] \tell.records.count ;
    (* hierconn *) wire [PLACE_BITS-1:0] \tell.place ;
    (* hierconn *) wire \tell.u_told , \tell.v_told , \tell.valid , \tell.taken ;

    nmtool_tell #(
        .SLICE_BITS(SLICE_BITS), .POPULATION_BITS(1), .INDEX_BITS(3), .COUNT_BITS(COUNT_BITS),
        .DEEP(DEEP)
    ) tell (
        .clock(clock), .reset(reset), .room(room), .empty(empty), .ends(ends), .done(done),
        .population(population), .spiking(spiking), .index(index), .exist(exist), .spikes(spikes),
        .v(v), .u(u), .out_valid(out_valid), .out_ready(out_ready), .out_kind(out_kind),
        .out_population(out_population), .out_index(out_index), .out_value(out_value));

    // The list, and which words of its first record are told: u, v and a spike of each neuron, or
    // one word for an end.
    reg [WIDTH-1:0]    first, second;
    reg [1:0]          count;
    reg [3*SLICES-1:0] told;
    reg                started = 1'b0;

    wire                 is_end, of_population, is_spiking;
    wire [2:0]           of_index;
    wire [SLICES-1:0]    exists;
    wire [SPIKE_BITS*SLICES-1:0] spiked;
    wire [24*SLICES-1:0] of_v;
    wire [25*SLICES-1:0] of_u;
    assign {is_end, of_population, is_spiking, of_index, exists, spiked, of_v, of_u} = first;

    reg [3*SLICES-1:0] has, now_told;
    reg [1:0]          kind;
    reg [24:0]         value;
    reg [2:0]          neuron;
    integer            n;

    always @* begin
        has = is_end;
        for (n = 0; n < SLICES; n = n + 1) if (!is_end && exists[n]) begin
            has[3*n] = DEEP != 0;
            has[3*n + 1] = DEEP != 0 || !is_spiking;
            has[3*n + 2] = spiked[SPIKE_BITS*n];
        end
        {kind, value, neuron, now_told} = {END, 25'd0, 3'd0, told};
        if (is_end) now_told[0] = 1'b1;
        else for (n = SLICES - 1; n >= 0; n = n - 1) begin
            if (has[3*n + 2] && !told[3*n + 2]) begin
                {kind, neuron, now_told} = {SPIKE, n[2:0], told};
                value = spiked[SPIKE_BITS*n +: SPIKE_BITS] >> 1;
                now_told[3*n + 2] = 1'b1;
            end
            if (has[3*n + 1] && !told[3*n + 1]) begin
                {kind, neuron, now_told} = {MEMBRANE, n[2:0], told};
                value = {of_v[24*n + 23], of_v[24*n +: 24]};
                now_told[3*n + 1] = 1'b1;
            end
            if (has[3*n] && !told[3*n]) begin
                {kind, value, neuron, now_told} = {CURRENT, of_u[25*n +: 25], n[2:0], told};
                now_told[3*n] = 1'b1;
            end
        end
    end

    wire tells = done && (DEEP != 0 || !spiking || spikes != 0);
    wire [1:0] left = count - {1'b0, \tell.taken };
    wire [3*SLICES-1:0] then_told = out_valid && out_ready ? now_told : told;
    wire push = tells || ends;

    wire [WIDTH-1:0] record = {ends, population, spiking, index, exist, spikes, v, u};

    always @(posedge clock) begin
        started <= 1'b1;
        if (\tell.taken ) first <= second;
        if (push && left == 0) first <= record;
        if (push && left == 1) second <= record;
        if (reset) {count, told} <= 0;
        else begin
            count <= left + {1'b0, push};
            told <= \tell.taken ? 0 : then_told;
        end
    end

    // Which neurons spike.
    function [SLICES-1:0] any(input [SPIKE_BITS*SLICES-1:0] it_spikes);
        integer slice;
        for (slice = 0; slice < SLICES; slice = slice + 1)
            any[slice] = it_spikes[SPIKE_BITS*slice];
    endfunction

    // A record has its first neuron; what spikes exists, and neurons that do not spike have none.
    function sound(input [WIDTH-1:0] it);
        reg                 it_ends, it_of, it_spiking;
        reg [2:0]           it_index;
        reg [SLICES-1:0]    it_exists;
        reg [SPIKE_BITS*SLICES-1:0] it_spikes;
        reg [49*SLICES-1:0] it_state;
        begin
            {it_ends, it_of, it_spiking, it_index, it_exists, it_spikes, it_state} = it;
            sound = it_exists[0] && (it_exists & (it_exists + 1'b1)) == 0
                && (any(it_spikes) & ~it_exists) == 0 && (any(it_spikes) != 0 || it_spikes == 0)
                && (it_spiking || it_spikes == 0)
                && (DEEP != 0 || it_ends || !it_spiking || it_spikes != 0)
                && (it_index & LAST) == 0;
        end
    endfunction

    // How nmtool_tell packs it.
    function [HELD-1:0] as_held(input [WIDTH-1:0] it);
        reg                 it_ends, it_of, it_spiking;
        reg [2:0]           it_index;
        reg [SLICES-1:0]    it_exists;
        reg [SPIKE_BITS*SLICES-1:0] it_spikes;
        reg [24*SLICES-1:0] it_v;
        reg [25*SLICES-1:0] it_u;
        begin
            {it_ends, it_of, it_spiking, it_index, it_exists, it_spikes, it_v, it_u} = it;
            if (DEEP != 0)
                as_held = {it_ends, 1'b1, it_of, it_index, it_exists, it_spikes, it_v, it_u};
            else
                as_held = {it_ends, !it_spiking, it_of, it_index,
                           it_spiking ? any(it_spikes) : it_exists, it_spikes, it_v};
        end
    endfunction

    reg waited;

    always @(posedge clock) waited <= out_valid && !out_ready && !reset && started;

    always @* begin
        if (!started) assume (reset);
        assume (!(done && ends));
        if (push) assume (sound(record));
        if (count == 2) assume (!push);
    end

    always @* if (started) begin
        assert (empty == (count == 0));
        if (waited) assert (out_valid);
        if (out_valid) begin
            assert (count != 0 && (has & ~told) != 0);
            assert (out_kind == kind && out_value == value);
            if (!is_end)
                assert (out_population == of_population && out_index == of_index + neuron);
        end

        if (\tell.taken ) assert (count != 0 && (has & ~then_told) == 0);
    end

`ifdef INDUCTION
    always @* if (started) begin
        assert (count == \tell.records.count && count <= 2);
        if (\tell.valid ) assert (count != 0);
        if (count > 0) assert (sound(first) && \tell.records.first == as_held(first));
        if (count > 1) assert (sound(second) && \tell.records.second == as_held(second));
        if (count == 0 || is_end) assert (told == 0 && \tell.place == 0);
        if (!\tell.valid ) assert (told == 0);
        if (\tell.v_told ) assert (\tell.u_told );
        assert (\tell.place < SLICES);
        if (count != 0) for (n = 0; n < SLICES; n = n + 1) begin
            if (n < \tell.place ) assert ((has[3*n +: 3] & ~told[3*n +: 3]) == 0);
            if (n == \tell.place ) begin
                assert (told[3*n +: 3]
                    == {1'b0, has[3*n + 1] && \tell.v_told , has[3*n] && \tell.u_told });
                if (\tell.u_told ) assert (\tell.valid && !is_end);
            end
            if (n > \tell.place ) assert (told[3*n +: 3] == 0);
        end
        if (count == 0) assert (!\tell.u_told && !\tell.v_told );
    end
`endif
endmodule
