import Tensors
import Testing

/// Expects a `ShapeError` of `operation` whose text holds all of `parts`: the offending shape or value, and what was
/// wanted.
public func expectShapeError(
  _ operation: String, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("\(operation): nothing was thrown", sourceLocation: sourceLocation)
  } catch let error as ShapeError {
    #expect(error.operation == operation, sourceLocation: sourceLocation)
    for part in parts {
      #expect(error.description.contains(part), "\(error.description)", sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("\(operation): threw \(error)", sourceLocation: sourceLocation)
  }
}
