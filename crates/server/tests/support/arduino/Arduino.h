// As much of the Arduino core as the example needs, on a computer: the serial port is standard input and output, a pin a line on standard error.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <time.h>
#include <unistd.h>

const int OUTPUT = 1;

inline void pinMode(int, int) {}

inline void analogWrite(int pin, int value) {
  static int before = -1;
  if (value != before) fprintf(stderr, "pin %d: %d\n", pin, value);
  before = value;
}

inline unsigned long millis() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000UL + now.tv_nsec / 1000000;
}

struct SerialPort {
  void begin(long) {}
  char next = 0;
  bool waiting = false;
  int silence = 0;  // looks in vain since the input has ended
  int available() {
    pollfd input = {0, POLLIN, 0};
    if (waiting || poll(&input, 1, 1) <= 0) return waiting;
    waiting = ::read(0, &next, 1) == 1;
    if (!waiting) {
      usleep(1000);
      if (++silence > 30000) exit(0);
    }
    return waiting;
  }
  int read() {
    waiting = false;
    return next;
  }
  void print(const char *text) { fputs(text, stdout); fflush(stdout); }
  void print(int number) { printf("%d", number); fflush(stdout); }
  void println(const char *text) { puts(text); fflush(stdout); }
};
static SerialPort Serial;

void setup();
void loop();

int main() {
  setup();
  for (;;) loop();
}
