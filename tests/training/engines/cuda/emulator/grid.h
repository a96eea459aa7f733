/* Runs a grid of one kernel, whose PTX `translation.py` has turned into C++, and checks what its
 * threads do.
 *
 * Threads of a block run one after the other, each to its next barrier. Faults are
 *   - accesses outside of the arrays of the launch or of the dynamic shared memory, or misaligned;
 *   - two threads at one word without a barrier between them, where one of them writes and they are
 *     not both atomic, in shared and in global memory; two blocks at one word of global memory;
 *   - shared memory that is read before it is written;
 *   - barriers that only some threads of a block reach, or at which they stand in different places;
 *   - integers divided by zero.
 * Words have 4 bytes. Kernels write none smaller, so that neighbours in a word are no race.
 */
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

enum Count {
    INSTRUCTIONS, GLOBAL_READS, GLOBAL_WRITES, SHARED_READS, SHARED_WRITES, ATOMICS, BARRIERS,
    SECTORS, COUNTS
};
enum Order { ASCENDING, DESCENDING, ALTERNATING }; /* above: the seed of a shuffle */

struct Array { uint64_t first, bytes; };

enum { NOBODY = -1, SEVERAL = -2 };

/* Who wrote and who read a word last, and at which barrier of their block they were then. */
struct Word {
    int32_t writing_block = NOBODY, writer = NOBODY, reading_block = NOBODY, reader = NOBODY;
    uint32_t written_at = 0, read_at = 0;
    bool atomic = false;
};

struct Machine {
    std::vector<Array> arrays;
    std::vector<std::vector<Word>> words; /* of each array; empty where races are not looked for */
    std::vector<uint8_t> shared;
    std::vector<Word> shared_words;
    uint32_t shared_bytes, grid_size[3], block_size[3], block_index[3], thread_index[3];
    int32_t block, thread;
    uint32_t barrier; /* barriers that the block has passed, from 1 */
    bool look_for_races;
    uint64_t counts[COUNTS] = {};
    int faults = 0;
    std::string text;

#ifdef COUNT_SECTORS
    /* A warp's threads that read at the same place of the code for the same time read at once; that
     * costs as many sectors of 32 bytes as they touch. */
    std::unordered_map<uint64_t, std::vector<uint64_t>> touched;
    std::unordered_map<int, uint32_t> visits;
    void touch(uint64_t address, int line) {
        auto &sectors = touched[(uint64_t)line << 32 | visits[line]++];
        for (uint64_t sector : sectors)
            if (sector == address / 32) return;
        sectors.push_back(address / 32);
        counts[SECTORS]++;
    }
    void next_thread(int turn) {
        visits.clear();
        if (turn % 32 == 0) touched.clear();
    }
#else
    void touch(uint64_t, int) {}
    void next_thread(int) {}
#endif

    void fault(const char *what, int line, uint64_t where) {
        if (faults++ >= 8) return;
        char place[256];
        snprintf(place, sizeof place, "%s at %#llx, PTX line %d, block %d, thread %d, barrier %u; ",
                 what, (unsigned long long)where, line, block, thread, barrier);
        text += place;
    }
    void read(Word &word, int line, uint64_t address, bool must_be_written) {
        if (word.writing_block == NOBODY) {
            if (must_be_written) fault("read before written", line, address);
        } else if (word.writing_block != block)
            fault("race between blocks (read after write)", line, address);
        else if (word.writer != thread && word.written_at == barrier)
            fault("race (read after write)", line, address);
        if (word.reading_block == NOBODY)
            word.reading_block = block, word.reader = thread, word.read_at = barrier;
        else if (word.reading_block != block)
            word.reading_block = SEVERAL;
        else if (word.read_at != barrier)
            word.read_at = barrier, word.reader = thread;
        else if (word.reader != thread)
            word.reader = SEVERAL;
    }
    void write(Word &word, int line, uint64_t address, bool atomic) {
        if (word.writing_block != NOBODY && !(atomic && word.atomic)) {
            if (word.writing_block != block)
                fault("race between blocks (two writes)", line, address);
            else if (word.writer != thread && word.written_at == barrier)
                fault("race (two writes)", line, address);
        }
        if (word.reading_block != NOBODY) {
            if (word.reading_block != block)
                fault("race between blocks (write after read)", line, address);
            else if (word.read_at == barrier && word.reader != thread)
                fault("race (write after read)", line, address);
        }
        word.writing_block = block, word.writer = thread, word.written_at = barrier;
        word.atomic = atomic;
    }

    /* `hint` is the array that this place of the code found last. */
    bool global(uint64_t address, unsigned size, int line, int &hint, bool writes) {
        if (address % size) { fault("misaligned access", line, address); return false; }
        for (int at = hint, n = -1; n < (int)arrays.size(); at = ++n) {
            if (at >= (int)arrays.size()) continue;
            uint64_t offset = address - arrays[at].first;
            if (offset >= arrays[at].bytes || offset + size > arrays[at].bytes) continue;
            hint = at;
            touch(address, line);
            if (look_for_races)
                for (uint64_t word = offset / 4; word <= (offset + size - 1) / 4; word++)
                    writes ? write(words[at][word], line, address, false)
                           : read(words[at][word], line, address, false);
            return true;
        }
        fault(writes ? "write outside of all arrays" : "read outside of all arrays", line, address);
        return false;
    }
    template <class T> T load_global(uint64_t address, int line, int &hint) {
        counts[GLOBAL_READS]++;
        return global(address, sizeof(T), line, hint, false) ? *(T *)address : T(0);
    }
    template <class T> void store_global(uint64_t address, T value, int line, int &hint) {
        counts[GLOBAL_WRITES]++;
        if (global(address, sizeof(T), line, hint, true)) *(T *)address = value;
    }
    bool is_shared(uint64_t address, unsigned size, int line) {
        if (address % size) fault("misaligned access of shared memory", line, address);
        else if (address + size > shared_bytes || address + size < address)
            fault("access outside of shared memory", line, address);
        else return true;
        return false;
    }
    template <class T> T load_shared(uint64_t address, int line) {
        counts[SHARED_READS]++;
        if (!is_shared(address, sizeof(T), line)) return T(0);
        for (uint64_t word = address / 4; word <= (address + sizeof(T) - 1) / 4; word++)
            read(shared_words[word], line, address, true);
        return *(T *)&shared[address];
    }
    template <class T> void store_shared(uint64_t address, T value, int line) {
        counts[SHARED_WRITES]++;
        if (!is_shared(address, sizeof(T), line)) return;
        for (uint64_t word = address / 4; word <= (address + sizeof(T) - 1) / 4; word++)
            write(shared_words[word], line, address, false);
        *(T *)&shared[address] = value;
    }
    uint32_t atomic_or(uint64_t address, uint32_t value, int line) {
        counts[ATOMICS]++;
        if (!is_shared(address, 4, line)) return 0;
        Word &word = shared_words[address / 4];
        if (word.writing_block == NOBODY) fault("read before written", line, address);
        write(word, line, address, true);
        uint32_t before = *(uint32_t *)&shared[address];
        *(uint32_t *)&shared[address] = before | value;
        return before;
    }
    template <class T> T quotient(T a, T b, int line) {
        if (b == 0) { fault("division by zero", line, 0); return 0; }
        return b == T(-1) ? T(0) - a : a / b;
    }
    template <class T> T remainder(T a, T b, int line) {
        if (b == 0) { fault("division by zero", line, 0); return 0; }
        return b == T(-1) ? 0 : a % b;
    }
};

/* Registers are declared as bits and used as floats, or the other way round: bits are kept. */
template <class To, class From> static inline To as(From value) {
    if constexpr (std::is_floating_point<To>::value != std::is_floating_point<From>::value) {
        static_assert(sizeof(To) == sizeof(From), "a register of another size");
        To same;
        memcpy(&same, &value, sizeof same);
        return same;
    } else
        return (To)value;
}
template <class To, class From> static inline void assign(To &to, From value) { to = as<To>(value); }
static inline uint32_t reversed_bits(uint32_t value) {
    uint32_t reversed = 0;
    for (int bit = 0; bit < 32; bit++) reversed |= (value >> bit & 1) << (31 - bit);
    return reversed;
}
static inline uint32_t leading_zeros(uint32_t value) {
    return value ? __builtin_clz(value) : 0xffffffffu; /* as bfind.shiftamt says it */
}
/* PTX shifts by as many bits as there are where more are asked for. */
template <class T> static inline T shifted_left(T value, uint32_t bits) {
    return bits >= 8 * sizeof(T) ? 0 : value << bits;
}
template <class T> static inline T shifted_right(T value, uint32_t bits) {
    return bits >= 8 * sizeof(T) ? (value < 0 ? T(-1) : T(0)) : value >> bits;
}

/* What the translation gives: a thread's registers, and its code from one barrier to the next. */
struct Registers;
static size_t size_of_registers();
static uint32_t place_of(const Registers *);
static const uint32_t ENDED = ~0u;
static bool run_to_barrier(Registers *, Machine &, const uint8_t *parameters);

static uint64_t next_random(uint64_t &state) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static void set_index(uint32_t *index, uint32_t flat, const uint32_t *size) {
    index[0] = flat % size[0], index[1] = flat / size[0] % size[1], index[2] = flat / size[0] / size[1];
}

static void run_block(Machine &m, const uint8_t *parameters, std::vector<uint8_t> &state,
                      uint64_t order, uint64_t &seed) {
    int threads = m.block_size[0] * m.block_size[1] * m.block_size[2];
    std::vector<int> turns(threads);
    for (int t = 0; t < threads; t++) turns[t] = order == DESCENDING ? threads - 1 - t : t;
    memset(state.data(), 0, state.size());
    memset(m.shared.data(), 0xff, m.shared.size()); /* NaN */
    m.shared_words.assign(m.shared_bytes / 4 + 2, Word());
    m.barrier = 1;
    for (int running = threads; running; m.barrier++) {
        if (order > ALTERNATING)
            for (int t = threads - 1; t > 0; t--) std::swap(turns[t], turns[next_random(seed) % (t + 1)]);
        int waiting = 0;
        uint32_t place = 0;
        for (int turn = 0; turn < threads; turn++) {
            bool backward = order == ALTERNATING && m.barrier % 2;
            int t = turns[backward ? threads - 1 - turn : turn];
            Registers *registers = (Registers *)(state.data() + t * size_of_registers());
            if (place_of(registers) == ENDED) continue;
            m.thread = t;
            m.next_thread(turn);
            set_index(m.thread_index, t, m.block_size);
            if (!run_to_barrier(registers, m, parameters)) continue;
            if (waiting++ && place_of(registers) != place)
                m.fault("threads at different barriers", place_of(registers), 0);
            place = place_of(registers);
        }
        if (waiting && waiting < threads) m.fault("barrier that not all threads reach", place, 0);
        m.counts[BARRIERS] += waiting > 0;
        running = waiting;
    }
}

/* Run all blocks; returns the number of faults.
 *
 * size: blocks along three axes, threads along three axes, bytes of shared memory.
 */
extern "C" int run_grid(const uint8_t *parameters, const uint32_t *size, const Array *arrays,
                        int n_arrays, int look_for_races, uint64_t order, uint64_t *counts,
                        char *text, int text_bytes) {
    Machine m;
    m.arrays.assign(arrays, arrays + n_arrays);
    m.look_for_races = look_for_races;
    m.words.resize(n_arrays);
    for (int i = 0; look_for_races && i < n_arrays; i++) m.words[i].resize(arrays[i].bytes / 4 + 2);
    memcpy(m.grid_size, size, sizeof m.grid_size), memcpy(m.block_size, size + 3, sizeof m.block_size);
    m.shared_bytes = size[6];
    m.shared.resize(m.shared_bytes + 16);
    std::vector<uint8_t> state(m.block_size[0] * m.block_size[1] * m.block_size[2] * size_of_registers());
    uint64_t seed = order * 0x9e3779b97f4a7c15ull + 1;
    int blocks = m.grid_size[0] * m.grid_size[1] * m.grid_size[2];
    for (int b = 0; b < blocks; b++) {
        m.block = order == DESCENDING ? blocks - 1 - b : b;
        set_index(m.block_index, m.block, m.grid_size);
        run_block(m, parameters, state, order, seed);
    }
    memcpy(counts, m.counts, sizeof m.counts);
    snprintf(text, text_bytes, "%s", m.text.c_str());
    return m.faults;
}
