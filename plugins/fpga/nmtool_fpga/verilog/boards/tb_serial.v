// Feeds a board the words of a file, bit by bit over its serial line, as a host does, and compares
// every word and answer that comes back. BOARD 0 is icebreaker.v, 1 ulx3s.v.
//
//     +input=FILE    a word per line in hexadecimal: kind channel, as sim/input.hex
//     +expect=FILE   spike bins and values in decimal, then a word per line in hexadecimal:
//                    kind population index value, as sim/expected.hex
//     +classes=FILE  the answer after each sample's last step, in decimal
//     +load=FILE     bytes for the loader, one per line in hexadecimal: is it the first, its value
module tb_serial;
    parameter BOARD = 0;
    parameter DIVIDER = 4;
    parameter DEEP = 0;
    parameter MEM = "mem/";

    localparam PERIOD = 10;
    localparam [7:0] END = 8'h01, BEGIN = 8'h02, LOAD = 8'h03, TELL_ALL = 8'h04;

    reg  clock = 1'b0;
    reg  to_board = 1'b1;
    wire from_board, wrong;

    always #(PERIOD / 2) clock = !clock;

    generate
        if (BOARD == 0) begin : up5k
            wire led_green, led_red;

            icebreaker #(.DIVIDER(DIVIDER), .DEEP(DEEP), .MEM(MEM)) board (
                .CLK(clock), .RX(to_board), .TX(from_board),
                .LEDG_N(led_green), .LEDR_N(led_red));
            assign wrong = !led_red;
        end else begin : ecp5
            wire [7:0] led;
            wire       quiet;

            ulx3s #(.DIVIDER(DIVIDER), .DEEP(DEEP), .MEM(MEM)) board (
                .clk_25mhz(clock), .ftdi_txd(to_board), .ftdi_rxd(from_board),
                .led(led), .wifi_gpio0(quiet));
            assign wrong = led[6];
        end
    endgenerate

    task stop(input [8*64-1:0] why);
        begin
            $display("%0s", why);
            $fatal;
        end
    endtask

    // ------------------------------------------------------------------ to the board

    reg [8*1024-1:0] path;
    integer inputs, expected, classes, loads, fields, spikes, values, given, told, begun, count, place;
    reg     has_classes, has_loads, fed, more, first;
    reg [1:0]  kind;
    reg [23:0] channel;
    reg [7:0]  data;

    task send(input [7:0] value);
        integer nth;
        begin
            to_board = 1'b0;
            #(DIVIDER * PERIOD);
            for (nth = 0; nth < 8; nth = nth + 1) begin
                to_board = value[nth];
                #(DIVIDER * PERIOD);
            end
            to_board = 1'b1;
            #(DIVIDER * PERIOD);
        end
    endtask

    task send_number(input [23:0] value);
        begin
            send(value[23:16]);
            send(value[15:8]);
            send(value[7:0]);
        end
    endtask

    // Every memory's bytes follow their number, so that a file is read twice.
    task load_memories;
        begin
            count = 0;
            more = 1'b1;
            loads = $fopen(path, "r");
            while ($fscanf(loads, "%h %h\n", first, data) == 2) count = count + 1;
            $fclose(loads);
            loads = $fopen(path, "r");
            place = 0;
            while (place < count) load_one;
            $fclose(loads);
        end
    endtask

    integer length, other;

    task load_one;
        begin
            length = 0;
            other = $fopen(path, "r");
            for (fields = 0; fields <= place; fields = fields + 1)
                more = $fscanf(other, "%h %h\n", first, data) == 2;
            first = 1'b0;
            while (more && !first) begin
                length = length + 1;
                more = $fscanf(other, "%h %h\n", first, data) == 2;
            end
            $fclose(other);
            send(LOAD);
            send_number(length[23:0]);
            while (length > 0) begin
                fields = $fscanf(loads, "%h %h\n", first, data);
                send(data);
                length = length - 1;
                place = place + 1;
            end
        end
    endtask

    initial begin
        {given, told, begun, fed} = 0;
        if (!$value$plusargs("input=%s", path)) stop("no +input=FILE");
        inputs = $fopen(path, "r");
        if (!$value$plusargs("expect=%s", path)) stop("no +expect=FILE");
        expected = $fopen(path, "r");
        has_classes = $value$plusargs("classes=%s", path);
        classes = 1;
        if (has_classes) classes = $fopen(path, "r");
        has_loads = $value$plusargs("load=%s", path);
        loads = 1;
        if (has_loads) loads = $fopen(path, "r");
        if (inputs == 0 || expected == 0 || classes == 0 || loads == 0)
            stop("a file cannot be opened");
        fields = $fscanf(expected, "%d %d\n", spikes, values);

        #(2000 * PERIOD + 3);
        if (has_loads) load_memories;
        send(TELL_ALL);
        while (!fed) begin
            if ($fscanf(inputs, "%h %h\n", kind, channel) != 2) fed = 1'b1;
            else begin
                if (kind == BEGIN[1:0]) begin
                    if (begun != 0) check_class;
                    begun = begun + 1;
                end
                send({6'd0, kind});
                if (kind == 2'd0) send_number(channel);
                if (kind == END[1:0]) begin
                    given = given + 1;
                    wait (told == given);
                end
            end
        end
        check_class;
        if ($fscanf(expected, "%h %h %h %h\n", due_kind, due_population, due_index, due_value) == 4)
            stop("words are missing");
        $display("spikes compared %0d, different 0", spikes);
        $display("values compared %0d, different 0", values);
        if (has_classes) $display("classes compared %0d, different 0", begun);
        $finish;
    end

    task check_class;
        begin
            $display("sample");
            if (has_classes) begin
                fields = $fscanf(classes, "%d\n", count);
                if (fields != 1 || count[23:0] != answer) begin
                    $display("sample %0d: answer %0d, expected %0d", begun - 1, answer, count);
                    stop("the board and the network differ");
                end
            end
        end
    endtask

    // ------------------------------------------------------------------ from the board

    reg [7:0]  due_kind, came;
    reg [3:0]  further;
    reg [15:0] due_population, population;
    reg [23:0] due_index, index, answer;
    reg [24:0] due_value;
    reg [31:0] value;

    task receive(output [7:0] byte_read);
        integer nth;
        begin
            @(negedge from_board);
            #(DIVIDER * PERIOD / 2);
            if (from_board !== 1'b0) stop("a start bit that is none");
            for (nth = 0; nth < 8; nth = nth + 1) begin
                #(DIVIDER * PERIOD);
                byte_read[nth] = from_board;
            end
            #(DIVIDER * PERIOD);
            if (from_board !== 1'b1) stop("a stop bit that is none");
        end
    endtask

    reg [7:0] a, b, c, d;

    task receive_number(output [23:0] number);
        begin
            receive(a);
            receive(b);
            receive(c);
            number = {a, b, c};
        end
    endtask

    task receive_place;
        begin
            receive(a);
            receive(b);
            population = {a, b};
            receive_number(index);
        end
    endtask

    always begin
        receive(came);
        further = came[3:0] == 4'd0 ? came[7:4] : 4'd0;
        came = came ^ {further, 4'd0};
        value = {28'd0, further};
        case (came)
            8'h00: receive_place;
            8'h01, 8'h02: begin
                receive_place;
                receive(a);
                receive(b);
                receive(c);
                receive(d);
                value = {a, b, c, d};
            end
            8'h03: receive_number(answer);
            default: stop("the board says that something is wrong");
        endcase
        fields = $fscanf(expected, "%h %h %h %h\n", due_kind, due_population, due_index, due_value);
        if (fields != 4 || came != due_kind
                || (came != 8'h03 && (population != due_population || index != due_index
                                      || value != {{7{due_value[24]}}, due_value}))) begin
            $display("step %0d of all: kind %0d, population %0d, neuron %0d, value %0d came",
                     told, came, population, index, $signed(value));
            $display("expected: kind %0d, population %0d, neuron %0d, value %0d",
                     due_kind, due_population, due_index, $signed(due_value));
            stop("the board and the network differ");
        end
        if (came == 8'h03) told = told + 1;
    end

    always @(posedge wrong) if ($time > 600 * PERIOD) stop("the board says that something is wrong");
endmodule
