// The core with memories and neurons that may hold and tell anything (open.v).
//
// Names with a dot are signals inside, which Yosys connects.
module core_proof #(
    parameter LANE_BITS = 0,
    parameter SINGLE_PORT = 0
) (
    input wire        clock,
    input wire        reset,
    input wire        in_valid,
    input wire [1:0]  in_kind,
    input wire [23:0] in_channel,
    input wire        out_ready
);
    localparam SLOT_BITS = 2, DELAY_BITS = 2, WORD_BITS = 3, INDEX_BITS = 3, QUEUE_BITS = 2;
    localparam LENGTH_BITS = 3, SYNAPSE_BITS = 4, WEIGHT_BITS = 2, JUMP_BITS = 1;
    localparam LANES = 1 << LANE_BITS;
    localparam CELL_BITS = WEIGHT_BITS + DELAY_BITS;
    localparam RING_BITS = WORD_BITS - 1 + SLOT_BITS;
    localparam POPULATIONS = 2;

    // Clocks from the reading of a word to its writing.
    localparam DISTANCE = 3;

    wire in_ready, sample_begins;

    nmtool_core #(
        .LANE_BITS(LANE_BITS), .SLICE_BITS(0), .POPULATIONS(POPULATIONS), .POPULATION_BITS(2),
        .INDEX_BITS(INDEX_BITS), .WORDS(8), .WORD_BITS(WORD_BITS), .SLOT_BITS(SLOT_BITS),
        .PROJECTIONS(4), .PROJECTION_BITS(2), .LENGTH_BITS(LENGTH_BITS), .SYNAPSES(16),
        .SYNAPSE_BITS(SYNAPSE_BITS), .BANK_BITS(4), .WEIGHT_BITS(WEIGHT_BITS),
        .DELAY_BITS(DELAY_BITS), .JUMP_BITS(JUMP_BITS), .ACC_BITS(4), .SHIFT(6), .BIAS_BITS(1),
        .QUEUE_BITS(QUEUE_BITS), .LOAD_BITS(64), .LOAD_ADDRESS_BITS(8), .DEEP(0),
        .SINGLE_PORT(SINGLE_PORT)
    ) core (
        .clock(clock), .reset(reset), .in_valid(in_valid), .in_ready(in_ready),
        .in_kind(in_kind), .in_channel(in_channel), .out_ready(out_ready),
        .sample_begins(sample_begins), .load_valid(1'b0), .load_memory(3'd0),
        .load_address(8'd0), .load_data(64'd0));

    reg started = 1'b0;

    always @(posedge clock) started <= 1'b1;
    always @* if (!started) assume (reset);

    // ------------------------------------------------------------------ all that runs in a step ends in it

    (* hierconn *) wire [1:0] \core.mode ;
    (* hierconn *) wire \core.update_busy , \core.spread_busy , \core.scatter_busy ;
    (* hierconn *) wire [10:0] \core.update.at ;

    // No more neurons spike in a step than QUEUE_BITS was made for.
    (* hierconn *) wire [QUEUE_BITS:0] \core.queue.pushed , \core.queue.fetched ;
    (* hierconn *) wire [QUEUE_BITS:0] \core.queue_level ;
    (* hierconn *) wire \core.begins , \core.queue.push , \core.queue.valid ;

    wire [QUEUE_BITS:0] unfetched = \core.queue.pushed - \core.queue.fetched ;
    reg [QUEUE_BITS:0]  spiked = 0;

    always @(posedge clock)
        if (reset || \core.begins ) spiked <= 0;
        else spiked <= spiked + \core.queue.push ;

    always @* if (spiked == 1 << QUEUE_BITS) assume (!\core.queue.push );

    always @* if (started) begin
        assert (spiked <= 1 << QUEUE_BITS && unfetched <= 1 << QUEUE_BITS);
        assert (\core.queue_level <= spiked);
        if (\core.mode != 2'd2)
            assert (!\core.update_busy && !\core.spread_busy && !\core.scatter_busy );
        if (!\core.update_busy ) assert (\core.update.at == 0);
    end

    // ------------------------------------------------------------------ what tables promise

    (* hierconn *) wire [3+JUMP_BITS+WORD_BITS+LENGTH_BITS+SYNAPSE_BITS-1:0] \core.projection_read ;
    (* hierconn *) wire [LANES*CELL_BITS-1:0] \core.cells ;

    // A row is the words of a population, of which one ends where the next begins.
    (* anyconst *) wire [WORD_BITS-1:0] middle;

    function fits(input [WORD_BITS-1:0] word, input [LENGTH_BITS-1:0] length);
        fits = middle != 0 && ((word == 0 && length == middle)
                               || (word == middle && word + length == 1 << WORD_BITS));
    endfunction

    integer lane;

    always @* begin
        assume (fits(\core.projection_read [SYNAPSE_BITS + LENGTH_BITS +: WORD_BITS],
                     \core.projection_read [SYNAPSE_BITS +: LENGTH_BITS]));
        // Slots are at least the longest delay + 2.
        for (lane = 0; lane < LANES; lane = lane + 1)
            assume (\core.cells [lane*CELL_BITS +: DELAY_BITS] <= (1 << SLOT_BITS) - 2);
    end

`ifdef RING
    // ------------------------------------------------------------------ the ring

    (* hierconn *) wire \core.clearing , \core.adds , \core.takes ;
    (* hierconn *) wire [WORD_BITS-1:0] \core.word3 , \core.next_word ;
    (* hierconn *) wire [SLOT_BITS-1:0] \core.now ;
    (* hierconn *) wire [2:0] \core.banks[0].used , \core.banks[1].used ;
    (* hierconn *) wire [2:0] \core.banks[0].added , \core.banks[1].added ;
    (* hierconn *) wire \core.banks[0].write , \core.banks[1].write ;
    (* hierconn *) wire [RING_BITS-1:0] \core.banks[0].lanes[0].address0 ,
                                        \core.banks[0].lanes[0].address3 ,
                                        \core.banks[1].lanes[0].address0 ,
                                        \core.banks[1].lanes[0].address3 ;

    // Bank by bank: is there a word to read, is it added to, where; is one written, where.
    wire [1:0] reads = {\core.banks[1].used [0], \core.banks[0].used [0]};
    wire [1:0] is_added = {\core.banks[1].added [0], \core.banks[0].added [0]};
    wire [1:0] writes = {\core.banks[1].write , \core.banks[0].write };
    wire [RING_BITS-1:0] read_at [0:1], written_at [0:1];
    assign read_at[0] = \core.banks[0].lanes[0].address0 ;
    assign read_at[1] = \core.banks[1].lanes[0].address0 ;
    assign written_at[0] = \core.banks[0].lanes[0].address3 ;
    assign written_at[1] = \core.banks[1].lanes[0].address3 ;

    // Rows on their way keep what tables promise.
    (* hierconn *) wire \core.coming , \core.row ;
    (* hierconn *) wire [2:0] \core.spread ;
    (* hierconn *) wire [WORD_BITS-1:0] \core.read_word , \core.coming_word , \core.row_word ;
    (* hierconn *) wire [LENGTH_BITS-1:0] \core.read_length , \core.coming_length ,
                                          \core.row_left ;

    wire [WORD_BITS:0] row_end = \core.row_word + {1'b0, \core.row_left };

    always @* if (started) begin
        if (\core.spread >= 3'd5) assert (fits(\core.read_word , \core.read_length ));
        if (\core.coming ) assert (fits(\core.coming_word , \core.coming_length ));
        if (\core.row ) assert (\core.row_left != 0 && (\core.row_word < middle
                                ? row_end == middle : row_end == 1 << WORD_BITS));
    end

    (* anyconst *) wire [RING_BITS-1:0] word;     // any word of the ring
    reg [DISTANCE:1] read [0:1];                  // [n]: it was read n clocks ago
    reg              cleared;
    integer          bank;

    always @(posedge clock) begin
        cleared <= \core.clearing || reset;
        for (bank = 0; bank < 2; bank = bank + 1)
            if (reset || !started) read[bank] <= 0;
            else read[bank] <= {read[bank][DISTANCE-1:1], reads[bank] && read_at[bank] == word};
    end

    always @* if (started) begin
        // Both do not want the same bank.
        assert (!(\core.adds && \core.takes && \core.word3 [0] == \core.next_word [0]));
        for (bank = 0; bank < 2; bank = bank + 1) begin
            // No word is read again before it is written.
            if (reads[bank] && read_at[bank] == word) assert (read[bank] == 0);
            // Each word that was read is written, at its time, and no other.
            if (!cleared)
                assert ((writes[bank] && written_at[bank] == word) == read[bank][DISTANCE]);
            // A spike adds to another slot than the one that is taken.
            if (reads[bank] && is_added[bank]) assert (read_at[bank][SLOT_BITS-1:0] != \core.now );
            if (SINGLE_PORT != 0) assert (!(reads[bank] && writes[bank]));
        end
    end
`endif

`ifdef INPUT
    // ------------------------------------------------------------------ the input

    (* hierconn *) wire \core.take_spike , \core.id_far , \core.held ;
    (* hierconn *) wire \core.tell.ends ;
    (* hierconn *) wire [2:0] \core.spread ;
    (* hierconn *) wire [1:0] \core.held_kind ;
    (* hierconn *) wire [23:0] \core.held_channel ;
    (* hierconn *) wire [1:0] \core.source ;
    (* hierconn *) wire [INDEX_BITS-1:0] \core.id ;

    // The word that was accepted last, until something is done with it.
    reg        waits = 1'b0;
    reg [1:0]  kind;
    reg [23:0] channel, sent;
    reg        spreads = 1'b0;

    wire spike = \core.take_spike , step = \core.tell.ends ;
    wire done = spike || step || sample_begins || (waits && kind == 2'd3);

    always @(posedge clock) begin
        if (in_valid && in_ready) {kind, channel} <= {in_kind, in_channel};
        waits <= !reset && started && ((in_valid && in_ready) || (waits && !done));
        spreads <= spike && !reset;
        sent <= channel;
    end

    always @* if (started) begin
        if (in_ready) assert (!waits || done);
        if (done) assert (waits && spike + step + sample_begins <= 1);
        if (spike) assert (kind == 2'd0);
        if (step) assert (kind == 2'd1);
        if (sample_begins) assert (kind == 2'd2);
        if (spreads) assert (\core.spread == 3'd1 && \core.source == POPULATIONS
                             && \core.id == sent[INDEX_BITS-1:0]
                             && \core.id_far == (sent >= 1 << INDEX_BITS));
        assert (\core.held == waits);
        if (waits) assert (\core.held_kind == kind && \core.held_channel == channel);
    end
`endif

`ifdef ROOM
    // ------------------------------------------------------------------ room in the queues

    localparam RECORDS = 32, STAGES = 11;

    (* hierconn *) wire [5:0] \core.tell.level , \core.tell.records.pushed ,
                              \core.tell.records.fetched ;
    wire [5:0] untold = \core.tell.records.pushed - \core.tell.records.fetched ;
    reg [4:0] on_way;
    integer   stage;

    always @* begin
        on_way = 0;
        for (stage = 0; stage < STAGES; stage = stage + 1) on_way = on_way + \core.update.at [stage];
    end

    always @* begin
        if (started) begin
            assert (untold <= RECORDS);
            assert (\core.tell.level + on_way <= RECORDS / 2 + STAGES);
        end
    end
`endif
endmodule
