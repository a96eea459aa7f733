// Feeds nmtool_top the words of a file in Verilator. It records what comes out, or compares it
// with another file, as tb.v does in Icarus; the options are described there.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <tuple>

#include "Vnmtool_top.h"
#include "verilated.h"

namespace {

const int SPIKE = 0, END = 3, IN_END = 1, IN_BEGIN = 2;

struct Word {
    unsigned kind = 0, population = 0, index = 0, value = 0;

    // Words come neuron by neuron, u before v before a spike; those of a step end with END.
    std::tuple<bool, unsigned, unsigned, int> place() const
    {
        if (kind == END) {
            return {true, 0, 0, 0};
        }
        return {false, population, index, kind == 2 ? 0 : kind == 1 ? 1 : 2};
    }
};

[[noreturn]] void stop(const char *why)
{
    std::printf("%s\n", why);
    std::fflush(stdout);
    std::exit(1);
}

std::FILE *opened(const std::string &path, const char *mode)
{
    std::FILE *file = std::fopen(path.c_str(), mode);

    if (file == nullptr) {
        stop(("cannot open " + path).c_str());
    }
    return file;
}

// The answer of tb.v's +NAME=VALUE, or "".
std::string option(int argc, char **argv, const char *name)
{
    const std::string start = std::string("+") + name + "=";

    for (int i = 1; i < argc; i++) {
        if (std::strncmp(argv[i], start.c_str(), start.size()) == 0) {
            return argv[i] + start.size();
        }
    }
    return "";
}

class Random {
public:
    explicit Random(std::uint64_t seed) : state(seed * 2 + 1) {}
    bool one_in_four()
    {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return state >> 62 == 0;
    }

private:
    std::uint64_t state;
};

class Comparison {
public:
    explicit Comparison(const std::string &path) : file(opened(path, "r"))
    {
        if (std::fscanf(file, "%" SCNu64 " %" SCNu64, &bins, &values) != 2) {
            stop("the expected words are damaged");
        }
        next();
    }

    void compare(const Word &word, int sample, std::uint64_t step)
    {
        // One that is missing or too many is a difference of its own, and the others still meet.
        for (; due && expected.place() < word.place(); next()) {
            differs(expected, sample, step);
        }
        if (!due || word.place() < expected.place()) {
            differs(word, sample, step);
            return;
        }
        if (word.value != expected.value) {
            differs(word, sample, step);
        }
        next();
    }

    int report(int sample, std::uint64_t step)
    {
        for (; due; next()) {
            if (expected.kind != END) {
                differs(expected, sample, step);
            }
        }
        std::printf("spikes compared %" PRIu64 ", different %" PRIu64 "\n", bins, wrong_spikes);
        std::printf("values compared %" PRIu64 ", different %" PRIu64 "\n", values, wrong_values);
        if (wrong_spikes + wrong_values != 0) {
            stop("the core and the network differ");
        }
        return 0;
    }

private:
    std::FILE *file;
    Word expected;
    bool due = false;
    std::uint64_t bins = 0, values = 0, wrong_spikes = 0, wrong_values = 0;

    void next()
    {
        due = std::fscanf(file, "%x %x %x %x", &expected.kind, &expected.population,
                          &expected.index, &expected.value) == 4;
    }

    void differs(const Word &word, int sample, std::uint64_t step)
    {
        if (wrong_spikes + wrong_values == 0) {
            std::printf("first difference: sample %d, step %" PRIu64
                        " of all, population %u, neuron %u\n",
                        sample, step, word.population, word.index);
        }
        ++(word.kind == SPIKE ? wrong_spikes : wrong_values);
    }
};

class Bench {
public:
    Bench(int argc, char **argv)
        : random(std::strtoull(option(argc, argv, "stall").c_str(), nullptr, 10)),
          stalls(!option(argc, argv, "stall").empty()), context(new VerilatedContext),
          top((context->commandArgs(argc, argv), new Vnmtool_top{context.get()}))
    {
        const std::string record = option(argc, argv, "record");
        const std::string expect = option(argc, argv, "expect");
        const std::string load = option(argc, argv, "load");
        const std::string most = option(argc, argv, "limit");

        input = opened(option(argc, argv, "input"), "r");
        recorded = record.empty() ? nullptr : opened(record, "wb");
        if (!expect.empty()) {
            comparison.reset(new Comparison(expect));
        }
        limit = most.empty() ? UINT64_MAX : std::strtoull(most.c_str(), nullptr, 10);
        top->reset = 1;
        top->in_valid = 0;
        top->load_valid = 0;
        top->out_ready = 0;
        for (int i = 0; i < 4; i++) {
            clock();
        }
        top->reset = 0;
        if (!load.empty()) {
            load_memories(load);
        }
    }

    int run()
    {
        bool here = read();

        while (here || told != given) {
            top->in_valid = here && !(stalls && random.one_in_four());
            top->in_kind = kind;
            top->in_channel = channel;
            top->out_ready = !(stalls && random.one_in_four());
            top->eval();
            const bool taken = top->in_valid && top->in_ready;
            take_output();
            clock();
            if (taken) {
                here = accepted();
            }
        }
        std::puts("sample");
        std::fprintf(stderr, "clocks %" PRIu64 "\n", clocks);
        if (recorded != nullptr && std::fclose(recorded) != 0) {
            stop("the recording could not be written");
        }
        return comparison ? comparison->report(begun - 1, told) : 0;
    }

private:
    Random random;
    bool stalls;
    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vnmtool_top> top;
    std::unique_ptr<Comparison> comparison;
    std::FILE *input = nullptr, *recorded = nullptr;
    unsigned kind = 0, channel = 0;
    int begun = 0;
    std::uint64_t given = 0, told = 0, clocks = 0, quiet = 0, limit = 0;

    void clock()
    {
        top->clock = 1;
        top->eval();
        top->clock = 0;
        top->eval();
        clocks++;
    }

    bool read() { return std::fscanf(input, "%x %x", &kind, &channel) == 2; }

    // Count the word that was taken, and read the next one.
    bool accepted()
    {
        quiet = 0;
        given += kind == IN_END;
        if (kind == IN_BEGIN && begun++ != 0) {
            std::puts("sample");
            std::fflush(stdout);
        }
        return read();
    }

    void take_output()
    {
        if (top->error) {
            stop("a channel that does not exist, or too many of its spikes");
        }
        if (quiet++ == limit) {
            stop("no word for as many clocks as no step takes");
        }
        if (!top->out_valid || !top->out_ready) {
            return;
        }
        const Word word{top->out_kind, top->out_population, top->out_index, top->out_value};
        quiet = 0;
        if (recorded != nullptr) {
            const std::uint64_t packed = std::uint64_t(word.kind) << 62
                | std::uint64_t(word.population & 0x1fff) << 49 | std::uint64_t(word.index) << 25
                | word.value;
            std::fwrite(&packed, sizeof packed, 1, recorded);
        }
        if (comparison) {
            comparison->compare(word, begun - 1, told);
        }
        told += word.kind == END;
    }

    void load_memories(const std::string &path)
    {
        std::FILE *bytes = opened(path, "r");
        unsigned first, data;

        while (std::fscanf(bytes, "%x %x", &first, &data) == 2) {
            top->load_valid = 1;
            top->load_first = first;
            top->load_data = data;
            clock();
        }
        top->load_valid = 0;
        clock();
        std::fclose(bytes);
    }
};

} // namespace

int main(int argc, char **argv)
{
    return Bench(argc, argv).run();
}
