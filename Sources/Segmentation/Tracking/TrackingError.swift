import Compute

/// What can be wrong with a clip.
public struct TrackingError: DescribedError {
  public let kind: ErrorKind
  public let systemError: SystemError?
  public let description: String

  init(_ problem: String, frame: Int) {
    (kind, systemError, description) = (.value, nil, "frame \(frame): \(problem)")
  }

  private init(_ error: any DescribedError, frame: Int) {
    (kind, systemError, description) = (error.kind, error.systemError, "frame \(frame): \(error.description)")
  }

  /// What `body` gives; what it throws says which frame it is about.
  public static func naming<Result>(frame: Int, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as any DescribedError where !(error is TrackingError || error is Interrupted) {
      throw TrackingError(error, frame: frame)
    }
  }
}
