// The core with memories and neurons that may hold and tell anything (open.v).
//
// Names with a dot are signals inside, which Yosys connects. What an induction has to know besides is
// in INDUCTION.
module core_proof #(
    parameter LANE_BITS = 0,
    parameter SLICE_BITS = 0,
    parameter SINGLE_PORT = 0,
    parameter WORD_BITS = 3,
    parameter SLOT_BITS = 2,
    parameter INDEX_BITS = 3,
    parameter QUEUE_BITS = 2,
    parameter COUNT_BITS = 0,
    parameter IN_COUNT_BITS = 0
) (
    input wire        clock,
    input wire        reset,
    input wire        in_valid,
    input wire [1:0]  in_kind,
    input wire [23:0] in_channel,
    input wire        out_ready
);
    localparam SEND_BITS = IN_COUNT_BITS > COUNT_BITS ? IN_COUNT_BITS : COUNT_BITS;
    localparam STAGES = 12 + (COUNT_BITS != 0 ? COUNT_BITS + 2 : 0);
    localparam DELAY_BITS = SLOT_BITS, LENGTH_BITS = WORD_BITS;
    localparam SYNAPSE_BITS = INDEX_BITS + 1;
    localparam WEIGHT_BITS = 2, JUMP_BITS = SEND_BITS + 1;
    localparam WORDS = 1 << WORD_BITS, LANES = 1 << LANE_BITS;
    localparam CELL_BITS = WEIGHT_BITS + DELAY_BITS;
    localparam RING_BITS = WORD_BITS - 1 + SLOT_BITS;
    localparam POPULATIONS = 2;
    localparam [1:0] STEPPING = 2'd2;

    wire in_ready, sample_begins;

    nmtool_core #(
        .LANE_BITS(LANE_BITS), .SLICE_BITS(SLICE_BITS), .POPULATIONS(POPULATIONS),
        .POPULATION_BITS(2), .INDEX_BITS(INDEX_BITS), .WORDS(WORDS), .WORD_BITS(WORD_BITS),
        .SLOT_BITS(SLOT_BITS), .PROJECTIONS(4), .PROJECTION_BITS(2), .LENGTH_BITS(LENGTH_BITS),
        .SYNAPSES(1 << SYNAPSE_BITS), .SYNAPSE_BITS(SYNAPSE_BITS), .BANK_BITS(6), .WEIGHT_BITS(WEIGHT_BITS),
        .DELAY_BITS(DELAY_BITS), .JUMP_BITS(JUMP_BITS), .ACC_BITS(4), .SHIFT(6), .BIAS_BITS(1),
        .DROP_BITS(0), .COUNT_BITS(COUNT_BITS), .IN_COUNT_BITS(IN_COUNT_BITS), .QUEUE_BITS(QUEUE_BITS), .LOAD_BITS(64), .LOAD_ADDRESS_BITS(8), .DEEP(0),
        .SINGLE_PORT(SINGLE_PORT)
    ) core (
        .clock(clock), .reset(reset), .in_valid(in_valid), .in_ready(in_ready),
        .in_kind(in_kind), .in_channel(in_channel), .out_ready(out_ready),
        .sample_begins(sample_begins), .load_valid(1'b0), .load_memory(3'd0),
        .load_address(8'd0), .load_data(64'd0));

    reg started = 1'b0;

    always @(posedge clock) started <= 1'b1;
    always @* if (!started) assume (reset);

    // ------------------------------------------------------------------ what runs in a step ends in it

    (* hierconn *) wire [1:0] \core.mode ;
    (* hierconn *) wire \core.update_busy , \core.spread_busy , \core.scatter_busy ;
    (* hierconn *) wire \core.idle , \core.begins , \core.ends , \core.room , \core.take_spike ;
    (* hierconn *) wire [STAGES-1:0] \core.update.at ;
    (* hierconn *) wire [SLOT_BITS-1:0] \core.now , \core.next_slot ;

    // No more neurons spike in a step than QUEUE_BITS was made for.
    (* hierconn *) wire [QUEUE_BITS:0] \core.queue.pushed , \core.queue.fetched ;
    (* hierconn *) wire [QUEUE_BITS:0] \core.queue_level ;
    (* hierconn *) wire \core.queue.push , \core.queue.valid ;
    (* hierconn *) wire [1:0] \core.queue.read ;

    wire [QUEUE_BITS:0] unfetched = \core.queue.pushed - \core.queue.fetched ;
    reg [QUEUE_BITS:0]  spiked = 0;

    always @(posedge clock)
        if (reset || \core.begins ) spiked <= 0;
        else spiked <= spiked + \core.queue.push ;

    always @* if (spiked == 1 << QUEUE_BITS) assume (!\core.queue.push );

`ifdef INDUCTION
    wire busy = \core.update_busy || \core.spread_busy || \core.scatter_busy ;
    wire [SLOT_BITS-1:0] following = \core.now + 1'b1;

    always @* if (started) begin
        assert (spiked <= 1 << QUEUE_BITS && unfetched <= 1 << QUEUE_BITS);
        assert (\core.queue_level <= spiked);
        assert (unfetched + \core.queue.valid == \core.queue_level );
        if (\core.queue.read != 0) assert (unfetched != 0);
        if (\core.mode != STEPPING || \core.idle ) assert (!busy);
        if (!\core.update_busy ) assert (\core.update.at == 0);
        if (\core.mode == STEPPING) assert (\core.next_slot == following);
    end
`endif

    // ------------------------------------------------------------------ what tables promise

    (* hierconn *) wire [3+JUMP_BITS+WORD_BITS+LENGTH_BITS+SYNAPSE_BITS-1:0] \core.projection_read ;
    (* hierconn *) wire [LANES*CELL_BITS-1:0] \core.cells ;

    // A row is the words of a population, of which one ends where the next begins.
    (* anyconst *) wire [WORD_BITS-1:0] middle;

    function fits(input [WORD_BITS-1:0] word, input [LENGTH_BITS-1:0] length);
        fits = middle != 0 && ((word == 0 && length == middle)
                               || (word == middle && word + length == WORDS));
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

    // Clocks from the reading of a word to its writing.
    localparam DISTANCE = 3;

    (* hierconn *) wire \core.clearing , \core.adds , \core.takes , \core.phase ;
    (* hierconn *) wire [WORD_BITS-1:0] \core.word1 , \core.word2 , \core.word3 , \core.word4 ;
    (* hierconn *) wire [WORD_BITS-1:0] \core.next_word ;
    (* hierconn *) wire [4:1] \core.on_way ;
    (* hierconn *) wire [2:0] \core.banks[0].used , \core.banks[1].used ;
    (* hierconn *) wire [2:0] \core.banks[0].added , \core.banks[1].added ;
    (* hierconn *) wire \core.banks[0].lanes[0].ring.banks[0].writes ,
                        \core.banks[1].lanes[0].ring.banks[0].writes ;
    (* hierconn *) wire [RING_BITS-1:0] \core.banks[0].lanes[0].address0 ,
                                        \core.banks[1].lanes[0].address0 ,
                                        \core.banks[0].lanes[0].ring.late_address ,
                                        \core.banks[1].lanes[0].ring.late_address ;

    // Bank by bank: is a word of the memory read, is it added to, where; is one written, where.
    wire [1:0] reads = {\core.banks[1].used [0], \core.banks[0].used [0]};
    wire [1:0] is_added = {\core.banks[1].added [0], \core.banks[0].added [0]};
    wire [1:0] writes = {\core.banks[1].lanes[0].ring.banks[0].writes ,
                         \core.banks[0].lanes[0].ring.banks[0].writes };
    wire [RING_BITS-1:0] read_at [0:1], written_at [0:1];
    assign read_at[0] = \core.banks[0].lanes[0].address0 ;
    assign read_at[1] = \core.banks[1].lanes[0].address0 ;
    assign written_at[0] = \core.banks[0].lanes[0].ring.late_address ;
    assign written_at[1] = \core.banks[1].lanes[0].ring.late_address ;

    // Rows on their way keep what tables promise, and in memories of one port their phase.
    (* hierconn *) wire \core.coming , \core.row , \core.row_starts , \core.row_last ;
    (* hierconn *) wire \core.coming_short ;
    (* hierconn *) wire [2:0] \core.spread ;
    (* hierconn *) wire [1:0] \core.row_pause ;
    (* hierconn *) wire [WORD_BITS-1:0] \core.read_word , \core.coming_word , \core.row_word ;
    (* hierconn *) wire [LENGTH_BITS-1:0] \core.read_length , \core.coming_length ,
                                          \core.row_left ;

    reg [2:0] since = 0;       // clocks since a row began

    always @(posedge clock)
        if (reset) since <= 3'd7;
        else since <= \core.row_starts ? 3'd1 : since == 3'd7 ? 3'd7 : since + 3'd1;

    // Rows begin at least four clocks apart.
    always @* if (started && \core.row_starts ) assert (since >= 3'd4);

`ifdef INDUCTION
    wire [WORD_BITS:0]   row_end = \core.row_word + {1'b0, \core.row_left };
    wire [WORD_BITS-1:0] row_first = \core.row_word < middle ? 0 : middle;

    always @* if (started) begin
        assert (since != 0 && \core.row_pause == (since >= 3'd4 ? 3'd0 : 3'd4 - since));
        if (\core.spread >= 3'd5) assert (fits(\core.read_word , \core.read_length ));
        if (\core.coming ) begin
            assert (fits(\core.coming_word , \core.coming_length ));
            assert (\core.coming_short == (\core.coming_length == 1));
        end
        if (\core.row ) begin
            assert (\core.row_left != 0 && \core.row_last == (\core.row_left == 1));
            assert (\core.row_word < middle ? row_end == middle : row_end == WORDS);
            assert (\core.row_word == row_first + since - 3'd1);
        end
        if (SINGLE_PORT != 0) begin
            if (\core.row ) assert (\core.row_word [0] != \core.phase );
            if (\core.on_way [1]) assert (\core.word1 [0] == \core.phase );
            if (\core.on_way [2]) assert (\core.word2 [0] != \core.phase );
            if (\core.on_way [3]) assert (\core.word3 [0] == \core.phase );
            if (\core.on_way [4]) assert (\core.word4 [0] != \core.phase );
        end
    end
`endif

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
        assert (!(\core.adds && \core.takes && \core.word4 [0] == \core.next_word [0]));
        // None is read while all are cleared.
        if (cleared) assert (reads == 0 && read[0] == 0 && read[1] == 0);
        for (bank = 0; bank < 2; bank = bank + 1) begin
            // No word is read again before it is written.
            if (reads[bank] && read_at[bank] == word) assert (read[bank] == 0);
            // Each word that was read is written, at its time, and no other.
            if (!cleared)
                assert ((writes[bank] && written_at[bank] == word) == read[bank][DISTANCE]);
            // A spike adds to another slot than the one that is taken.
            if (reads[bank] && is_added[bank]) assert (read_at[bank][SLOT_BITS-1:0] != \core.now );
            // A memory of one port is not read and written at once.
            if (SINGLE_PORT != 0) assert (!(reads[bank] && writes[bank]));
        end
    end
`endif

`ifdef INPUT
    // ------------------------------------------------------------------ the input

    (* hierconn *) wire \core.id_far , \core.held , \core.tell.ends ;
    (* hierconn *) wire [2:0] \core.spread ;
    (* hierconn *) wire [1:0] \core.held_kind ;
    (* hierconn *) wire [23:0] \core.held_channel ;
    (* hierconn *) wire [1:0] \core.source ;
    (* hierconn *) wire [INDEX_BITS-1:0] \core.id ;
    (* hierconn *) wire [SEND_BITS:0] \core.more ;

    // The word that was accepted last, until something is done with it.
    reg        waits = 1'b0;
    reg [1:0]  kind;
    reg [23:0] channel, sent;
    reg        spreads = 1'b0;

    // With counts, the upper four bits are the number of further spikes.
    wire [23:0] sent_id = IN_COUNT_BITS != 0 ? sent & 24'h0fffff : sent;
    wire [3:0]  sent_more = IN_COUNT_BITS != 0 ? sent[23:20] : 4'd0;

    wire spike = \core.take_spike , step = \core.tell.ends ;
    wire nothing = waits && kind == 2'd3;
    wire done = spike || step || sample_begins || nothing;

    always @(posedge clock) begin
        if (in_valid && in_ready) {kind, channel} <= {in_kind, in_channel};
        waits <= !reset && started && ((in_valid && in_ready) || (waits && !done));
        spreads <= spike && !reset;
        sent <= channel;
    end

    always @* if (started) begin
        // None is accepted while one waits, and what is done is done to one, once.
        if (in_ready) assert (!waits || done);
        if (done) assert (waits && spike + step + sample_begins + nothing == 1);
        if (spike) assert (kind == 2'd0 && \core.mode == STEPPING);
        if (step) assert (kind == 2'd1 && \core.mode == STEPPING);
        if (sample_begins) assert (kind == 2'd2);
        if (spreads) assert (\core.spread == 3'd1 && \core.source == POPULATIONS
                             && \core.id == sent_id[INDEX_BITS-1:0]
                             && \core.id_far == (sent_id >= 1 << INDEX_BITS
                                                 || sent_more >= 1 << SEND_BITS)
                             && (\core.id_far || \core.more == sent_more));
    end

`ifdef INDUCTION
    always @* if (started) begin
        assert (\core.held == waits);
        if (waits) assert (\core.held_kind == kind && \core.held_channel == channel);
    end
`endif
`endif

`ifdef COUNTS
    // ------------------------------------------------------------------ rows of several spikes

    localparam [2:0] MULTIPLY = 3'd5, PUSH = 3'd6;

    (* hierconn *) wire [2:0] \core.spread ;
    (* hierconn *) wire [SEND_BITS:0] \core.more , \core.counting.left ;
    (* hierconn *) wire [JUMP_BITS-1:0] \core.read_jump , \core.digit_jump ;
    (* hierconn *) wire \core.pushes , \core.last_digit ;

    reg [SEND_BITS:0] pushed;          // by the rows of a projection so far, in units of its weights

    wire pushing = \core.spread == PUSH;
    wire [JUMP_BITS-1:0] place = \core.digit_jump - \core.read_jump ;
    wire [SEND_BITS:0] spikes = \core.more + 1'b1;
    wire [SEND_BITS+1:0] then_pushed = pushed + (1 << place);

    always @(posedge clock)
        if (\core.spread == MULTIPLY) pushed <= 0;
        else if (pushing && \core.pushes ) pushed <= then_pushed;

    // The shifts fit JUMP_BITS, and no source has more spikes than its bits can tell.
    always @* begin
        assume (\core.projection_read [SYNAPSE_BITS + LENGTH_BITS + WORD_BITS +: JUMP_BITS]
                < (1 << JUMP_BITS) - SEND_BITS);
        if (\core.spread >= 3'd1) assume (!\core.more [SEND_BITS]);
    end

    // Rows of a projection add to the number of spikes when the last of them leaves, not before.
    always @* if (started && pushing && \core.pushes ) begin
        assert (then_pushed <= spikes);
        assert (\core.last_digit == (then_pushed == spikes));
    end

`ifdef INDUCTION
    always @* if (started && pushing) begin
        assert (\core.counting.left != 0 && place <= SEND_BITS);
        assert (\core.counting.left >> (SEND_BITS + 1 - place) == 0);
        assert ({1'b0, pushed} + (\core.counting.left << place) == spikes);
        assert (\core.read_jump < (1 << JUMP_BITS) - SEND_BITS);
    end
    always @* if (started && \core.spread == MULTIPLY)
        assert (\core.read_jump < (1 << JUMP_BITS) - SEND_BITS);
`endif
`endif

`ifdef ROOM
    // ------------------------------------------------------------------ room in the queue of `tell`

    localparam RECORDS = 32, ROOM = RECORDS / 2 + 12 - STAGES;

    (* hierconn *) wire [5:0] \core.tell.level , \core.tell.records.pushed ,
                              \core.tell.records.fetched ;
    (* hierconn *) wire \core.tell.records.valid ;
    (* hierconn *) wire [1:0] \core.tell.records.read ;
    wire [5:0] untold = \core.tell.records.pushed - \core.tell.records.fetched ;
    reg [4:0]  on_way;
    integer    stage;

    always @* begin
        on_way = 0;
        for (stage = 0; stage < STAGES; stage = stage + 1)
            on_way = on_way + \core.update.at [stage];
    end

    // There is room for all that are on their way.
    always @* if (started) assert (\core.tell.level + on_way <= RECORDS);

`ifdef INDUCTION
    always @* if (started) begin
        assert (untold <= RECORDS);
        assert (untold + \core.tell.records.valid == \core.tell.level );
        if (\core.tell.records.read != 0) assert (untold != 0);
        if (\core.room ) assert (\core.tell.level <= ROOM);
        if (\core.idle && \core.mode == STEPPING) assert (\core.tell.level <= ROOM + 1);
        assert (\core.tell.level + on_way <= ROOM + STAGES + 1);
    end
`endif
`endif
endmodule
