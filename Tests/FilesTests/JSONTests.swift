import Compute
import Files
import Testing

@Suite struct JSONTests {
  @Test func writesAndReadsEveryKind() throws {
    let value: JSONValue = [
      "name": "a \"quoted\" \\ line\nwith \u{1} and ü𝄞", "one": 1, "float": 1.0, "small": 1e-5, "huge": 1e300,
      "least": .integer(.min), "list": [true, false, .null, [], [:]], "": "empty key",
    ]
    for pretty in [false, true] {
      #expect(try JSONValue(parsing: value.text(pretty: pretty), source: "test") == value)
    }
  }

  @Test func keysAreSortedAndIntegersStayApart() throws {
    let value: JSONValue = ["b": 1.0, "a": 1, "Z": [2, 2.5]]
    #expect(try value.text() == #"{"Z":[2,2.5],"a":1,"b":1.0}"#)
    #expect(try value.text(pretty: true) == "{\n  \"Z\": [\n    2,\n    2.5\n  ],\n  \"a\": 1,\n  \"b\": 1.0\n}")
    #expect(try JSONValue(parsing: "[1, 1.0, 1e0, -0]", source: "") == [1, 1.0, 1.0, 0])
  }

  @Test func floatsComeBackBitForBit() throws {
    let random = RandomStream(seed: 5, purpose: .shuffle)
    for position in 0..<20000 {
      let float = Float(bitPattern: random.words(at: position).0)
      guard float.isFinite else { continue }
      let text = try JSONValue(float).text()
      #expect(try JSONCursor(JSONValue(parsing: text, source: ""), source: "").float().bitPattern == float.bitPattern)
    }
    #expect(try JSONValue(Float(0.1)).text() == "0.1")
  }

  @Test func understandsEscapes() throws {
    let parsed = try JSONValue(parsing: #"  "\u00fc\ud834\udd1e\/\b\f\n\r\t\"\\" "#, source: "")
    #expect(parsed == .string("ü𝄞/\u{8}\u{c}\n\r\t\"\\"))
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e",
    "+1",
    "tru", "nulll", "1 2", "\"", "\"\\", "\"\\u12", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\x\"",
    "\"\n\"", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}", "99999999999999999999", "1e999", "NaN", "Infinity",
  ])
  func refuses(_ text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text, source: "test") }
  }

  @Test func refusesBadBytesAndDeepNesting() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22], source: "") }
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC0, 0x80, 0x22], source: "") }
    let deep = String(repeating: "[", count: 1_000_000)
    #expect(throws: JSONError.self) { try JSONValue(parsing: deep, source: "") }
    #expect(throws: JSONError.notFinite(.infinity)) { try JSONValue.number(.infinity).text() }
  }

  @Test func placesSayWhere() throws {
    let document = try JSONValue(parsing: #"{"model": {"depth": 1.5, "sizes": [3, "x"]}}"#, source: "")
    let root = JSONCursor(document, source: "config.json")
    let model = try root.member("model")
    #expect(try model.member("depth").double() == 1.5)
    #expect(try model.member("sizes").elements()[0].double() == 3)
    #expect(try root.optionalMember("seed") == nil)
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    #expect(message { _ = try model.member("depth").int() } == "config.json: model.depth is 1.5, wanted an integer")
    #expect(
      message { _ = try model.member("sizes").elements()[1].int() }
        == "config.json: model.sizes[1] is \"x\", wanted an integer")
    #expect(message { _ = try model.bool() } == "config.json: model is an object, wanted true or false")
    #expect(message { _ = try root.member("seed") } == "config.json has no 'seed'")
    #expect(
      message { try model.refuseKeys(otherThan: ["depth"]) }
        == "config.json: model: unknown 'sizes'; known are 'depth'")
    #expect(
      message { _ = try JSONValue(parsing: "{\n \"a\": x}", source: "c.json") }
        == "c.json, line 2, column 7: a value is wanted")
    #expect(message { _ = try JSONCursor(1e300, source: "c").float() } != "no error")
  }
}
