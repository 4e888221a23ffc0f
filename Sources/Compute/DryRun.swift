/// Predicts how much memory a computation takes, by running it with parallel regions that do nothing: buffers are
/// allocated and freed as usual, but no memory is touched and it takes hardly any time.
public enum DryRun {
  @TaskLocal static var isOn = false

  /// The peak of bytes of buffers in use while `body` runs, minus those in use before. What `body` computes is
  /// meaningless.
  public static func peakBytes(_ body: () throws -> Void) rethrows -> Int {
    try Arena.shared.dryPeak { try $isOn.withValue(true) { try body() } }
  }
}
