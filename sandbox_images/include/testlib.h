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
#include <functional>
#include <iostream>
#include <iterator>
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

const char LF = '\n', CR = '\r', TAB = '\t', SPACE = ' ';
const int EOFC = EOF;

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

inline std::string format(const std::string format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format.c_str(), arguments);
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

inline int& __test_case() {
    static int number = 0;
    return number;
}

[[noreturn]] inline void __quit(TResult result, const std::string& message);

// What a token or line must look like: characters, sets as in [a-z_], groups with |, counts ({n}, {n,m}, ?, *, +). As much
// as possible is taken at each place, and never given back.
class pattern {
  public:
    explicit pattern(const std::string& source) : text(source) {}

    bool matches(const std::string& subject) const {
        size_t at = 0, end = 0;
        return choice(subject, at, end) && end == subject.size();
    }
    std::string src() const { return text; }

  private:
    std::string text;

    // From `at` in the pattern up to its end or a closing bracket: the longest alternative that matches at `place`.
    bool choice(const std::string& subject, size_t& at, size_t& place) const {
        bool any = false;
        size_t from = place, best = place;
        while (true) {
            size_t end = from;
            bool good = true;
            while (at < text.size() && text[at] != '|' && text[at] != ')') good = counted(subject, at, end, good);
            if (good) any = true, best = std::max(best, end);
            if (at >= text.size() || text[at] == ')') break;
            at++;
        }
        place = best;
        return any;
    }
    // One set, character or group with its count; skipped without matching if `live` is false.
    bool counted(const std::string& subject, size_t& at, size_t& place, bool live) const {
        size_t start = at, after = skip(at);
        long long low = 1, high = 1;
        at = after;
        if (at < text.size() && text[at] == '?') low = 0, at++;
        else if (at < text.size() && text[at] == '*') low = 0, high = LLONG_MAX, at++;
        else if (at < text.size() && text[at] == '+') high = LLONG_MAX, at++;
        else if (at < text.size() && text[at] == '{') {
            size_t close = text.find('}', at);
            std::string range = text.substr(at + 1, close - at - 1);
            size_t comma = range.find(',');
            low = comma == 0 ? 0 : std::atoll(range.c_str());
            high = comma == std::string::npos ? low : comma + 1 == range.size() ? LLONG_MAX : std::atoll(range.c_str() + comma + 1);
            at = close == std::string::npos ? text.size() : close + 1;
        }
        if (!live) return false;
        for (long long count = 0; count < high; count++) {
            size_t end = place;
            if (!single(subject, start, end)) return count >= low;
            if (end == place) return true;
            place = end;
        }
        return true;
    }
    size_t skip(size_t at) const {
        if (text[at] == '\\') return at + 2;
        if (text[at] == '[') {
            for (at++; at < text.size() && text[at] != ']'; at++)
                if (text[at] == '\\') at++;
        } else if (text[at] == '(') {
            for (at++; at < text.size() && text[at] != ')'; at = skip(at)) {}
        }
        return at + 1;
    }
    bool single(const std::string& subject, size_t at, size_t& place) const {
        if (text[at] == '(') return choice(subject, ++at, place);
        if (place >= subject.size()) return false;
        char c = subject[place];
        bool good = false;
        if (text[at] == '[') {
            bool negated = text[++at] == '^';
            if (negated) at++;
            while (at < text.size() && text[at] != ']') {
                char low = character(at), high = low;
                if (at + 1 < text.size() && text[at] == '-' && text[at + 1] != ']') high = character(++at);
                good = good || (low <= c && c <= high);
            }
            good = good != negated;
        } else {
            good = character(at) == c;
        }
        if (good) place++;
        return good;
    }
    char character(size_t& at) const {
        if (text[at] == '\\' && at + 1 < text.size()) at++;
        return text[at++];
    }
};

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
    char readChar() {
        int c = get();
        if (c == EOF) stop(_unexpected_eof, "unexpected end of file");
        return char(c);
    }
    char readChar(char wanted) {
        char c = readChar();
        if (c != wanted) stop(_pe, std::string("expected character '") + wanted + "'");
        return c;
    }
    void unreadChar(int c) { std::ungetc(c, file); }
    char readSpace() { return readChar(' '); }
    void reset() {
        if (file) std::rewind(file);
    }
    void setTestCase(int number) { __test_case() = number; }
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
    std::string readToken(const std::string& wanted, const std::string& what = "") { return like(readToken(), wanted, what); }
    std::string readToken(const pattern& wanted, const std::string& what = "") { return like(readToken(), wanted.src(), what); }
    std::string readWord() { return readToken(); }
    std::string readWord(const std::string& wanted, const std::string& what = "") { return readToken(wanted, what); }
    std::string readWord(const pattern& wanted, const std::string& what = "") { return readToken(wanted, what); }
    void readTokenTo(std::string& text) { text = readToken(); }
    void readTokenTo(std::string& text, const std::string& wanted, const std::string& what = "") { text = readToken(wanted, what); }
    void readWordTo(std::string& text) { text = readToken(); }
    void readWordTo(std::string& text, const std::string& wanted, const std::string& what = "") { text = readToken(wanted, what); }
    std::string readLine() {
        if (eof()) stop(_unexpected_eof, "unexpected end of file, a line was expected");
        std::string text;
        while (peek() != EOF && peek() != '\n') text += char(get());
        get();
        if (!text.empty() && text.back() == '\r') text.pop_back();
        return text;
    }
    std::string readLine(const std::string& wanted, const std::string& what = "") { return like(readLine(), wanted, what); }
    std::string readString() { return readLine(); }
    std::string readString(const std::string& wanted, const std::string& what = "") { return readLine(wanted, what); }
    void readLineTo(std::string& text) { text = readLine(); }
    void readLineTo(std::string& text, const std::string& wanted, const std::string& what = "") { text = readLine(wanted, what); }
    void readStringTo(std::string& text) { text = readLine(); }
    void readStringTo(std::string& text, const std::string& wanted, const std::string& what = "") { text = readLine(wanted, what); }

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
    unsigned long long readUnsignedLong() {
        std::string text = readToken();
        bool good = text.size() == 1 || text[0] != '0';
        for (char c : text) good = good && std::isdigit((unsigned char)c);
        errno = 0;
        unsigned long long value = good ? std::strtoull(text.c_str(), nullptr, 10) : 0;
        if (!good || errno == ERANGE) stop(_pe, "expected an unsigned integer, got '" + shorten(text) + "'");
        return value;
    }
    unsigned long long readUnsignedLong(unsigned long long low, unsigned long long high, const std::string& what = "") {
        unsigned long long value = readUnsignedLong();
        if (value < low || value > high) stop(_wa, "integer " + what + " out of range: " + std::to_string(value));
        return value;
    }
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
    double readReal(double low, double high, const std::string& what = "") { return readDouble(low, high, what); }
    double readStrictDouble(double low, double high, int fewest, int most, const std::string& what = "") {
        skipBlanks();
        std::string text = readToken();
        size_t point = text.find('.'), minus = text[0] == '-' ? 1 : 0;
        size_t after = point == std::string::npos ? 0 : text.size() - point - 1;
        bool good = text.size() > minus && point != minus && (point == std::string::npos || after > 0);
        for (size_t i = minus; i < text.size(); i++) good = good && (i == point || std::isdigit((unsigned char)text[i]));
        if (!good || (long long)after < fewest || (long long)after > most) stop(_pe, "expected a plain decimal, got '" + shorten(text) + "'");
        double value = std::strtod(text.c_str(), nullptr);
        if (!(value >= low && value <= high)) stop(_wa, "number " + what + " out of range: " + std::to_string(value));
        return value;
    }
    double readStrictReal(double low, double high, int fewest, int most, const std::string& what = "") {
        return readStrictDouble(low, high, fewest, most, what);
    }

    // Several in a row. Named values get an index in messages, from `base` on.
    std::vector<int> readInts(int count, int low, int high, const std::string& what = "", int base = 1) {
        return several<int>(count, [&](int i) { return readInt(low, high, indexed(what, base + i)); });
    }
    std::vector<int> readInts(int count, int base = 1) {
        (void)base;
        return several<int>(count, [&](int) { return readInt(); });
    }
    std::vector<int> readIntegers(int count, int low, int high, const std::string& what = "", int base = 1) {
        return readInts(count, low, high, what, base);
    }
    std::vector<int> readIntegers(int count, int base = 1) { return readInts(count, base); }
    std::vector<long long> readLongs(int count, long long low, long long high, const std::string& what = "", int base = 1) {
        return several<long long>(count, [&](int i) { return readLong(low, high, indexed(what, base + i)); });
    }
    std::vector<long long> readLongs(int count, int base = 1) {
        (void)base;
        return several<long long>(count, [&](int) { return readLong(); });
    }
    std::vector<unsigned long long> readUnsignedLongs(
        int count, unsigned long long low, unsigned long long high, const std::string& what = "", int base = 1) {
        return several<unsigned long long>(count, [&](int i) { return readUnsignedLong(low, high, indexed(what, base + i)); });
    }
    std::vector<double> readDoubles(int count, double low, double high, const std::string& what = "", int base = 1) {
        return several<double>(count, [&](int i) { return readDouble(low, high, indexed(what, base + i)); });
    }
    std::vector<double> readDoubles(int count, int base = 1) {
        (void)base;
        return several<double>(count, [&](int) { return readDouble(); });
    }
    std::vector<double> readReals(int count, double low, double high, const std::string& what = "", int base = 1) {
        return readDoubles(count, low, high, what, base);
    }
    std::vector<double> readReals(int count, int base = 1) { return readDoubles(count, base); }
    std::vector<std::string> readTokens(int count, int base = 1) {
        (void)base;
        return several<std::string>(count, [&](int) { return readToken(); });
    }
    std::vector<std::string> readTokens(int count, const std::string& wanted, const std::string& what = "", int base = 1) {
        return several<std::string>(count, [&](int i) { return readToken(wanted, indexed(what, base + i)); });
    }
    std::vector<std::string> readWords(int count, int base = 1) { return readTokens(count, base); }
    std::vector<std::string> readWords(int count, const std::string& wanted, const std::string& what = "", int base = 1) {
        return readTokens(count, wanted, what, base);
    }
    std::vector<std::string> readLines(int count, int base = 1) {
        (void)base;
        return several<std::string>(count, [&](int) { return readLine(); });
    }
    std::vector<std::string> readStrings(int count, int base = 1) { return readLines(count, base); }

    [[noreturn]] void quit(TResult result, const std::string& message) { stop(result, message); }
    [[noreturn]] void quitf(TResult result, const char* format, ...) {
        va_list arguments;
        va_start(arguments, format);
        std::string text = __format(format, arguments);
        va_end(arguments);
        stop(result, text);
    }
    void quitif(bool condition, TResult result, const char* format, ...) {
        if (!condition) return;
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
    template <typename T, typename F> static std::vector<T> several(int count, F read) {
        std::vector<T> values;
        for (int i = 0; i < count; i++) values.push_back(read(i));
        return values;
    }
    static std::string indexed(const std::string& what, int index) {
        return what.empty() ? what : what + "[" + std::to_string(index) + "]";
    }
    std::string like(const std::string& text, const std::string& wanted, const std::string& what) {
        if (!pattern(wanted).matches(text)) stop(_wa, what + " '" + shorten(text) + "' does not look like " + shorten(wanted));
        return text;
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
    std::string word = result == _ok ? "ok " : result == _fail ? "FAIL " : result == _points ? "points " : "wrong answer ";
    if (result == _pe || result == _dirt || result == _unexpected_eof) word = "wrong output format ";
    if (result >= _partially) word = "partially correct (" + std::to_string(result - _partially) + ") ";
    if (__test_case()) word += "test case " + std::to_string(__test_case()) + ": ";
    std::fprintf(stderr, "%s%s\n", word.c_str(), message.c_str());
    if (!__report().empty()) {
        std::ofstream report(__report());
        report << word << message << "\n";
    }
    if (tout.is_open()) tout.close();
    std::fflush(stdout);
    // Partly right is not right; points alone do not say what is full marks, so they get a code of their own.
    std::exit(result == _ok || result == _fail ? result : result == _points ? 7 : result >= _partially || result == _wa ? _wa : _pe);
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
[[noreturn]] inline void quitp(double points, const char* format = "", ...) {
    va_list arguments;
    va_start(arguments, format);
    std::string text = __format(format, arguments);
    va_end(arguments);
    std::ostringstream said;
    said << points << " " << text;
    __quit(_points, said.str());
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
inline void setTestCase(int number) { __test_case() = number; }
inline void unsetTestCase() { __test_case() = 0; }

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
template <typename Iterator> std::string join(Iterator first, Iterator last, const std::string& separator) {
    std::ostringstream text;
    for (Iterator at = first; at != last; ++at) text << (at == first ? "" : separator) << *at;
    return text.str();
}
template <typename Iterator> std::string join(Iterator first, Iterator last, char separator = ' ') {
    return join(first, last, std::string(1, separator));
}
template <typename C> std::string join(const C& items, char separator = ' ') { return join(items.begin(), items.end(), separator); }
template <typename C> std::string join(const C& items, const std::string& separator) {
    return join(items.begin(), items.end(), separator);
}
inline bool startsWith(const std::string& text, const std::string& part) { return text.compare(0, part.size(), part) == 0; }
inline bool endsWith(const std::string& text, const std::string& part) {
    return text.size() >= part.size() && text.compare(text.size() - part.size(), part.size(), part) == 0;
}
inline bool __testlib_isNaN(double value) { return std::isnan(value); }
inline long long stringToLongLong(InStream& stream, const std::string& text) {
    size_t digits = !text.empty() && text[0] == '-' ? 1 : 0;
    bool good = text.size() > digits && (text.size() == digits + 1 || text[digits] != '0') && text != "-0";
    for (size_t i = digits; i < text.size(); i++) good = good && std::isdigit((unsigned char)text[i]);
    errno = 0;
    long long value = good ? std::strtoll(text.c_str(), nullptr, 10) : 0;
    if (!good || errno == ERANGE) stream.quit(_pe, "expected an integer, got '" + compress(text) + "'");
    return value;
}
inline int stringToInt(InStream& stream, const std::string& text) {
    long long value = stringToLongLong(stream, text);
    if (value < INT_MIN || value > INT_MAX) stream.quit(_pe, "expected an int32, got " + text);
    return int(value);
}
inline double stringToDouble(InStream& stream, const std::string& text) {
    char* end = nullptr;
    double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || !std::isfinite(value)) stream.quit(_pe, "expected a number, got '" + compress(text) + "'");
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

    // The largest (t > 0) or smallest (t < 0) of |t| + 1 numbers.
    int wnext(int n, int t) { return wnext(0, n - 1, t); }
    int wnext(int low, int high, int t) {
        int found = next(low, high);
        for (int i = 0; i < std::abs(t); i++) found = t > 0 ? std::max(found, next(low, high)) : std::min(found, next(low, high));
        return found;
    }
    std::vector<int> perm(int size, int first = 0) {
        std::vector<int> items(size);
        for (int i = 0; i < size; i++) {
            int place = next(i + 1);
            items[i] = items[place];
            items[place] = first + i;
        }
        return items;
    }

  private:
    std::mt19937_64 engine{3905348978240129619ULL};
};
inline random_t rnd;
template <typename Iterator> void shuffle(Iterator first, Iterator last) {
    for (Iterator at = first; at != last; ++at) std::iter_swap(at, first + rnd.next(int(at - first) + 1));
}
