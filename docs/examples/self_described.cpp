// A device that describes itself, on the serial port of a microcontroller: a vibrator on a PWM pin, and a battery. No library is needed.
// For the Arduino IDE, copy this file to self_described/self_described.ino. See docs/self-describing-devices.md.
#include <Arduino.h>

const int MOTOR = 5;                  // the pin of the motor's driver
const unsigned long SILENCE = 3000;   // ms without a line after which everything stops: three times the keepalive
const char GREETING[] =
    "{\"identifier\":\"example-arduino\",\"address\":\"example-0002\",\"version\":1,\"name\":\"Arduino Example\",\"keepalive\":1000,"
    "\"features\":{\"0\":{\"FeatureIndex\":0,\"Output\":{\"Vibrate\":{\"Value\":[0,255]}}},"
    "\"1\":{\"FeatureIndex\":1,\"Input\":{\"Battery\":{\"Value\":[[0,100]],\"Command\":[\"Read\"]}}}}}";

char line[160];
unsigned length = 0;
unsigned long last = 0;

// The whole number behind a key; -1 if it is not there. The lines of the server have no blanks and no nesting.
long number(const char *key) {
  const char *at = strstr(line, key);
  return at ? atol(at + strlen(key)) : -1;
}

bool has(const char *text) { return strstr(line, text) != nullptr; }

int battery() { return 87; }  // percent, from wherever the hardware measures it
void obey() {
  if (has("\"greeting\":")) {
    Serial.println(GREETING);
  } else if (has("\"output\":\"Vibrate\"") && number("\"feature\":") == 0) {
    long value = number("\"value\":");
    analogWrite(MOTOR, value < 0 ? 0 : value > 255 ? 255 : value);
  } else if (has("\"input\":\"Battery\"") && has("\"command\":\"Read\"")) {
    Serial.print("{\"feature\":1,\"input\":\"Battery\",\"value\":");
    Serial.print(battery());
    Serial.println("}");
  }
}

void setup() {
  pinMode(MOTOR, OUTPUT);
  analogWrite(MOTOR, 0);
  Serial.begin(115200);
}

void loop() {
  while (Serial.available() > 0) {
    char letter = Serial.read();
    if (letter != '\n') {
      if (length < sizeof line - 1) line[length++] = letter;
      continue;
    }
    line[length] = 0;
    length = 0;
    last = millis();
    obey();
  }
  if (millis() - last > SILENCE) {
    analogWrite(MOTOR, 0);  // the cable is out, or the server has gone
    last = millis();
  }
}
