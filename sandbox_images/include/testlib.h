// A small header for checkers and interactors that speak the testlib protocol: the streams inf, ouf, ans and tout, their
// reading functions, and quitf with the exit codes judges know (0 right, 1 wrong, 2 presentation, 3 the judge failed).
// Written from the protocol's public description; it is not the original library and has only what checkers use.
#pragma once
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

enum TResult { _ok = 0, _wa = 1, _pe = 2, _fail = 3, _dirt = 4, _points = 5, _unexpected_eof = 8, _partially = 16 };
#define _pc(exitCode) (TResult(_partially + (exitCode)))
enum TMode { _input, _output, _answer };

const double EPS = 1e-9;

inline std::string __format(const char* format, va_list arguments) {
    va_list copy;
    va_copy(copy, arguments);
    int size = std::vsnprintf(nullptr, 0, format, copy);
    va_end(copy);
    std::string text(size > 0 ? size : 0, '\0');
    if (size > 0) std::vsnprintf(&text[0], size + 1, format, arguments);
    return text;
}

inline std::string format(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format, arguments);
    va_end(arguments);
    return text;
}

inline std::string& __report() {
    static std::string path;
    return path;
}

inline bool& __interactive() {
    static bool value = false;
    return value;
}

[[noreturn]] inline void __quit(TResult result, const std::string& message);

// One of the three texts: the test's input, the contestant's output, the jury's answer.
class InStream {
  public:
    TMode mode = _input;
    std::string name;
    bool strict = false;

    void init(const std::string& path, TMode what) {
        mode = what;
        name = path;
        file = std::fopen(path.c_str(), "rb");
        if (!file) __quit(_fail, "cannot open " + path);
    }

    void init(std::FILE* opened, TMode what) {
        mode = what;
        file = opened;
    }

    int curChar() { return peek(); }
    int nextChar() { return get(); }
    int readChar() {
        int c = get();
        if (c == EOF) stop(_unexpected_eof, "unexpected end of file");
        return c;
    }
    int readChar(int wanted) {
        int c = readChar();
        if (c != wanted) stop(_pe, std::string("expected character '") + char(wanted) + "'");
        return c;
    }
    void unreadChar(int c) { std::ungetc(c, file); }
    int readSpace() { return readChar(' '); }
    void skipChar() { get(); }
    void skipBlanks() {
        while (std::isspace(peek())) get();
    }
    bool eof() { return peek() == EOF; }
    bool seekEof() {
        skipBlanks();
        return eof();
    }
    bool eoln() {
        int c = peek();
        if (c == EOF || c == '\n') {
            get();
            return true;
        }
        if (c == '\r') {
            get();
            if (peek() == '\n') get();
            return true;
        }
        return false;
    }
    bool seekEoln() {
        while (peek() == ' ' || peek() == '\t') get();
        return eoln();
    }
    void nextLine() { readLine(); }
    void readEoln() {
        if (!eoln()) stop(_pe, "expected end of line");
    }
    void readEof() {
        if (!eof()) stop(_pe, "expected end of file");
    }

    std::string readToken() {
        skipBlanks();
        std::string text;
        while (peek() != EOF && !std::isspace(peek())) text += char(get());
        if (text.empty()) stop(_unexpected_eof, "unexpected end of file, a token was expected");
        return text;
    }
    std::string readWord() { return readToken(); }
    void readTokenTo(std::string& text) { text = readToken(); }
    void readWordTo(std::string& text) { text = readToken(); }
    std::string readLine() {
        if (eof()) stop(_unexpected_eof, "unexpected end of file, a line was expected");
        std::string text;
        while (peek() != EOF && peek() != '\n') text += char(get());
        get();
        if (!text.empty() && text.back() == '\r') text.pop_back();
        return text;
    }
    std::string readString() { return readLine(); }
    void readLineTo(std::string& text) { text = readLine(); }
    void readStringTo(std::string& text) { text = readLine(); }

    long long readLong() {
        std::string text = readToken();
        size_t digits = text[0] == '-' ? 1 : 0;
        bool good = text.size() > digits && (text.size() == digits + 1 || text[digits] != '0') && text != "-0";
        for (size_t i = digits; i < text.size(); i++) good = good && std::isdigit((unsigned char)text[i]);
        errno = 0;
        long long value = good ? std::strtoll(text.c_str(), nullptr, 10) : 0;
        if (!good || errno == ERANGE) stop(_pe, "expected an integer, got '" + shorten(text) + "'");
        return value;
    }
    long long readLong(long long low, long long high, const std::string& what = "") { return between(readLong(), low, high, what); }
    unsigned long long readUnsignedLong() { return (unsigned long long)readLong(0, LLONG_MAX); }
    int readInt() {
        long long value = readLong();
        if (value < INT_MIN || value > INT_MAX) stop(_pe, "expected an int32, got " + std::to_string(value));
        return int(value);
    }
    int readInt(int low, int high, const std::string& what = "") { return int(between(readInt(), low, high, what)); }
    int readInteger() { return readInt(); }
    int readInteger(int low, int high, const std::string& what = "") { return readInt(low, high, what); }
    double readDouble() {
        std::string text = readToken();
        char* end = nullptr;
        double value = std::strtod(text.c_str(), &end);
        bool good = end && *end == '\0' && std::isfinite(value) && text.find_first_of("xXnNiIpP") == std::string::npos;
        if (!good) stop(_pe, "expected a number, got '" + shorten(text) + "'");
        return value;
    }
    double readDouble(double low, double high, const std::string& what = "") {
        double value = readDouble();
        if (!(value >= low && value <= high)) stop(_wa, "number " + what + " out of range: " + std::to_string(value));
        return value;
    }
    double readReal() { return readDouble(); }
    double readReal(double low, double high) { return readDouble(low, high); }
    double readStrictDouble(double low, double high, int, int, const std::string& what = "") { return readDouble(low, high, what); }

    std::vector<int> readInts(int count, int low = INT_MIN, int high = INT_MAX, const std::string& what = "") {
        std::vector<int> values(count);
        for (int& value : values) value = readInt(low, high, what);
        return values;
    }
    std::vector<long long> readLongs(int count, long long low = LLONG_MIN, long long high = LLONG_MAX, const std::string& what = "") {
        std::vector<long long> values(count);
        for (long long& value : values) value = readLong(low, high, what);
        return values;
    }
    std::vector<std::string> readTokens(int count) {
        std::vector<std::string> values(count);
        for (std::string& value : values) value = readToken();
        return values;
    }

    [[noreturn]] void quit(TResult result, const char* message) { stop(result, message); }
    [[noreturn]] void quitf(TResult result, const char* format, ...) {
        va_list arguments;
        va_start(arguments, format);
        std::string text = __format(format, arguments);
        va_end(arguments);
        stop(result, text);
    }
    void close() {
        if (file) std::fclose(file);
        file = nullptr;
    }

  private:
    std::FILE* file = nullptr;

    int get() { return file ? std::getc(file) : EOF; }
    int peek() {
        int c = get();
        if (c != EOF) std::ungetc(c, file);
        return c;
    }
    long long between(long long value, long long low, long long high, const std::string& what) {
        if (value < low || value > high)
            stop(_wa, "integer " + what + " out of range [" + std::to_string(low) + ", " + std::to_string(high) +
                          "]: " + std::to_string(value));
        return value;
    }
    static std::string shorten(const std::string& text) { return text.size() <= 60 ? text : text.substr(0, 57) + "..."; }
    // A fault in the contestant's text is the contestant's; in the input or the answer it is the jury's.
    [[noreturn]] void stop(TResult result, const std::string& message) {
        if (mode != _output && result != _ok) __quit(_fail, (mode == _input ? "input: " : "answer: ") + message);
        __quit(result, message);
    }
};

inline InStream inf, ouf, ans;
inline std::fstream tout;

[[noreturn]] inline void __quit(TResult result, const std::string& message) {
    if (result == _ok && !__interactive() && !ouf.seekEof()) {
        std::fprintf(stderr, "wrong output format: extra tokens after the end\n");
        std::exit(_pe);
    }
    const char* word = result == _ok ? "ok " : result == _fail ? "FAIL " : result == _wa ? "wrong answer " : "wrong output format ";
    std::fprintf(stderr, "%s%s\n", word, message.c_str());
    if (!__report().empty()) {
        std::ofstream report(__report());
        report << word << message << "\n";
    }
    if (tout.is_open()) tout.close();
    std::fflush(stdout);
    std::exit(result == _unexpected_eof || result == _dirt ? _pe : result >= _partially ? 7 : result == _points ? 7 : result);
}

[[noreturn]] inline void quit(TResult result, const std::string& message) { __quit(result, message); }
[[noreturn]] inline void quit(TResult result, const char* message) { __quit(result, message); }
[[noreturn]] inline void quitf(TResult result, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format, arguments);
    va_end(arguments);
    __quit(result, text);
}
inline void quitif(bool condition, TResult result, const char* format, ...) {
    if (!condition) return;
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format, arguments);
    va_end(arguments);
    __quit(result, text);
}
inline void ensuref(bool condition, const char* format, ...) {
    if (condition) return;
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format, arguments);
    va_end(arguments);
    __quit(_fail, text);
}
inline void __ensure(bool condition, const char* text) {
    if (!condition) __quit(_fail, std::string("condition failed: ") + text);
}
#define ensure(condition) __ensure((condition), #condition)
inline void expectf(bool condition, const char* format, ...) {
    if (condition) return;
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format, arguments);
    va_end(arguments);
    __quit(_wa, text);
}

inline void setName(const char*, ...) {}

// Checker: arguments input, output, answer, and perhaps a file for the report.
inline void registerTestlibCmd(int argc, char* argv[]) {
    if (argc < 4) __quit(_fail, "arguments: input output answer [report]");
    inf.init(argv[1], _input);
    ouf.init(argv[2], _output);
    ans.init(argv[3], _answer);
    if (argc > 4) __report() = argv[4];
}

// Interactor: arguments input, output (its own log, tout), and perhaps answer; the program is on stdin and stdout.
inline void registerInteraction(int argc, char* argv[]) {
    __interactive() = true;
    if (argc < 3) __quit(_fail, "arguments: input output [answer]");
    inf.init(argv[1], _input);
    tout.open(argv[2], std::ios_base::out);
    ouf.init(stdin, _output);
    if (argc > 3) ans.init(argv[3], _answer);
}

inline bool doubleCompare(double expected, double result, double max_error) {
    if (std::isnan(expected) || std::isnan(result)) return std::isnan(expected) && std::isnan(result);
    if (std::isinf(expected) || std::isinf(result)) return expected == result;
    max_error += 1e-15;
    if (std::fabs(result - expected) <= max_error) return true;
    double low = std::min(expected * (1 - max_error), expected * (1 + max_error));
    double high = std::max(expected * (1 - max_error), expected * (1 + max_error));
    return result >= low && result <= high;
}
inline double doubleDelta(double expected, double result) {
    double absolute = std::fabs(result - expected);
    return std::fabs(expected) > 1e-9 ? std::min(absolute, absolute / std::fabs(expected)) : absolute;
}

template <typename T> std::string vtos(const T& value) {
    std::ostringstream text;
    text << value;
    return text.str();
}
template <typename T> std::string toString(const T& value) { return vtos(value); }
inline std::string compress(const std::string& text) {
    return text.size() <= 64 ? text : text.substr(0, 30) + "..." + text.substr(text.size() - 31);
}
inline std::string upperCase(std::string text) {
    for (char& c : text) c = char(std::toupper((unsigned char)c));
    return text;
}
inline std::string lowerCase(std::string text) {
    for (char& c : text) c = char(std::tolower((unsigned char)c));
    return text;
}
inline std::string trim(const std::string& text) {
    size_t from = text.find_first_not_of(" \t\r\n"), to = text.find_last_not_of(" \t\r\n");
    return from == std::string::npos ? "" : text.substr(from, to - from + 1);
}
inline bool isBlanks(char c) { return std::isspace((unsigned char)c); }
inline bool isEof(int c) { return c == EOF; }
inline std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (char c : text)
        if (c == separator) parts.emplace_back();
        else parts.back() += c;
    return parts;
}
inline std::vector<std::string> tokenize(const std::string& text, char separator) {
    std::vector<std::string> parts;
    for (const std::string& part : split(text, separator))
        if (!part.empty()) parts.push_back(part);
    return parts;
}
inline std::string englishEnding(int x) {
    x %= 100;
    if (x / 10 == 1) return "th";
    return x % 10 == 1 ? "st" : x % 10 == 2 ? "nd" : x % 10 == 3 ? "rd" : "th";
}
inline int stringToInt(InStream& stream, const char* text) {
    char* end = nullptr;
    long value = std::strtol(text, &end, 10);
    if (!*text || *end) stream.quit(_pe, "expected an integer");
    return int(value);
}
inline double stringToDouble(InStream& stream, const char* text) {
    char* end = nullptr;
    double value = std::strtod(text, &end);
    if (!*text || *end || !std::isfinite(value)) stream.quit(_pe, "expected a number");
    return value;
}

// Random numbers, the same on every machine. Not the original's sequence: checkers only need some.
class random_t {
  public:
    void setSeed(long long seed) { engine.seed((std::uint64_t)seed); }
    int next(int n) { return int(engine() % (std::uint64_t)n); }
    long long next(long long n) { return (long long)(engine() % (std::uint64_t)n); }
    int next(int low, int high) { return int(low + (long long)(engine() % (std::uint64_t)((long long)high - low + 1))); }
    long long next(long long low, long long high) { return low + (long long)(engine() % (std::uint64_t)(high - low + 1)); }
    double next() { return double(engine() >> 11) / 9007199254740992.0; }
    double next(double n) { return next() * n; }
    double next(double low, double high) { return low + next() * (high - low); }
    template <typename C> typename C::value_type any(const C& items) {
        auto position = items.begin();
        std::advance(position, next(int(items.size())));
        return *position;
    }

  private:
    std::mt19937_64 engine{3905348978240129619ULL};
};
inline random_t rnd;
template <typename Iterator> void shuffle(Iterator first, Iterator last) {
    for (Iterator at = first; at != last; ++at) std::iter_swap(at, first + rnd.next(int(at - first) + 1));
}
