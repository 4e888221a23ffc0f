import Compute
import Testing

@Suite struct WordingTests {
  private let names = [
    "grid", "patch_size", "patch_gap", "channels", "num_visible", "width", "depth", "heads", "decoder_heads",
    "base_learning_rate", "epochs", "batch_size", "seed",
  ]

  @Test func theNearestNamesComeFirst() {
    #expect(nearest(to: "num_heads", among: names).prefix(2) == ["heads", "decoder_heads"])
    #expect(nearest(to: "epoch", among: names).first == "epochs")
    #expect(nearest(to: "patchsize", among: names).first == "patch_size")
    #expect(nearest(to: "learning_rate", among: names).first == "base_learning_rate")
    #expect(nearest(to: "x", among: []).isEmpty)
  }

  @Test func messagesStayShort() {
    #expect(known(names, besides: "epoch").hasPrefix("nearest are 'epochs', "))
    #expect(known(["a", "b"], besides: "c") == "known are 'a', 'b'")
    #expect(known([], besides: "c") == "there are none")
    #expect(oneOf(["a", "b"]) == "one of 'a', 'b'")
    #expect(quoted([String(repeating: "x", count: 5000)]).count < 70)
    #expect(known(names, besides: String(repeating: "x", count: 5000)).count < 100)
  }
}
