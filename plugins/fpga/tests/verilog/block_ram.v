// A model of DP16KD with the settings that Yosys gives it, written for these tests: put into the module
// of its cells_sim.v, which has ports and parameters alone. 2,048 bytes of 9 bits; ports of fewer see 8
// of them. Port B of 36 bits tells the lower half at A, whose register nothing enables then. Where one
// port writes what the other reads, it reads something else.
reg [8:0]  bytes [0:2047];
reg [35:0] read_a, read_b, held_a, held_b;
integer    place;

wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
                         ADA1, ADA0};
wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
                         ADB1, ADB0};
wire [17:0] given_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7,
                       DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};

wire [17:0] upper_a = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7,
                       DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
localparam WIDE = DATA_WIDTH_B == 36;
wire [35:0] told_b = REGMODE_B == "OUTREG" ? held_b : read_b;

assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
        DOA3, DOA2, DOA1, DOA0} = REGMODE_A == "OUTREG" ? held_a[17:0] : read_a_side;
assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
        DOB3, DOB2, DOB1, DOB0} = WIDE ? told_b[35:18] : told_b[17:0];

// As many bits as a port has, from the first one at an address.
function [35:0] word(input [13:0] address, input integer width);
    integer bit_number;
    begin
        word = 0;
        for (bit_number = 0; bit_number < width; bit_number = bit_number + 1)
            if (width >= 9)
                word[bit_number] = bytes[address[13:3] / (width / 9) * (width / 9)
                                         + bit_number / 9][bit_number % 9];
            else
                word[bit_number] = bytes[address[13:3]][address[2:0] / width * width + bit_number];
    end
endfunction

wire writes_a = CEA && WEA;
wire [8:0] lowest = given_a[8:0];
// From 18 bits on, bytes are enabled one by one, by the lowest bits of the address.
wire enabled = DATA_WIDTH_A == 36 ? address_a[3:0] != 0
    : DATA_WIDTH_A == 18 ? address_a[1:0] != 0 : 1'b1;
wire collides = writes_a && enabled && address_a[13:5] == address_b[13:5]
    && (WIDE || address_a[4] == address_b[4]);
wire [17:0] read_a_side = WIDE ? read_b[17:0] : read_a[17:0];

always @(posedge CLKA) begin
    if (writes_a)
        case (DATA_WIDTH_A)
            36: begin
                if (address_a[0]) bytes[{address_a[13:5], 2'd0}] <= given_a[8:0];
                if (address_a[1]) bytes[{address_a[13:5], 2'd1}] <= given_a[17:9];
                if (address_a[2]) bytes[{address_a[13:5], 2'd2}] <= upper_a[8:0];
                if (address_a[3]) bytes[{address_a[13:5], 2'd3}] <= upper_a[17:9];
            end
            18: begin
                if (address_a[0]) bytes[{address_a[13:4], 1'b0}] <= given_a[8:0];
                if (address_a[1]) bytes[{address_a[13:4], 1'b1}] <= given_a[17:9];
            end
            9: bytes[address_a[13:3]] <= lowest;
            4: bytes[address_a[13:3]][4*address_a[2] +: 4] <= lowest[3:0];
            2: bytes[address_a[13:3]][2*address_a[2:1] +: 2] <= lowest[1:0];
            1: bytes[address_a[13:3]][address_a[2:0]] <= lowest[0];
            default: $fatal;
        endcase
    else if (CEA) read_a <= word(address_a, DATA_WIDTH_A);
    if (OCEA) held_a <= read_a_side;
end

always @(posedge CLKB) begin
    if (WEB || RSTA || RSTB || CSA0 || CSB0) $fatal;
    if (CEB) read_b <= word(address_b, DATA_WIDTH_B) ^ {36{collides}};
    if (OCEB) held_b <= read_b;
end

task begin_with(input integer number, input [319:0] words);
    for (place = 0; place < 16; place = place + 1)
        {bytes[32*number + 2*place + 1], bytes[32*number + 2*place]} = words[20*place +: 18];
endtask
