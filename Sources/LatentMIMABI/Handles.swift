import Files
import CLatentMIM
import Compute
import Glibc
import LatentMIM

/// An argument that C can get wrong and Swift cannot: a NULL where something was wanted, a negative count.
struct ArgumentError: DescribedError {
  let kind = ErrorKind.value
  let description: String

  init(_ description: String) { self.description = description }
}

/// Runs the body of a C function: what it throws becomes a status and this thread's last error.
func attempt(_ body: () throws -> Void) -> lm_status {
  do {
    try body()
    return LM_OK
  } catch let error as any DescribedError {
    remember(error.description)
    return lm_status(UInt32(error.kind.rawValue))
  } catch {
    remember("\(error)")
    return LM_VALUE
  }
}

private let lastErrorKey: pthread_key_t = {
  var key = pthread_key_t()
  pthread_key_create(&key) { free($0) }
  return key
}()

private func remember(_ text: String) {
  free(pthread_getspecific(lastErrorKey))
  pthread_setspecific(lastErrorKey, strdup(text))
}

private nonisolated(unsafe) let noError = UnsafePointer(strdup(""))

@c @implementation
public func lm_last_error() -> UnsafePointer<CChar>? {
  pthread_getspecific(lastErrorKey).map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) } ?? noError
}

/// Hands an object out as a C handle.
func handOut(_ object: AnyObject, _ place: UnsafeMutablePointer<OpaquePointer?>?) throws {
  guard let place else { throw ArgumentError("the place for the result is NULL") }
  place.pointee = OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// Hands a text out, to be freed with lm_text_free. NULL for nil.
func handOut(_ text: String?, _ place: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) {
  place?.pointee = text.flatMap { strdup($0) }
}

/// The object behind a handle.
func object<Object: AnyObject>(_ handle: OpaquePointer?, _ type: Object.Type = Object.self) throws -> Object {
  guard let handle else { throw ArgumentError("the \(Object.self) handle is NULL") }
  return Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// Frees a handle; NULL is fine.
func release<Object: AnyObject>(_ handle: OpaquePointer?, _ type: Object.Type) {
  guard let handle else { return }
  Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
}

/// - Throws: `ArgumentError` where a pointer is NULL.
func given<Pointer>(_ pointer: Pointer?, _ name: String) throws -> Pointer {
  guard let pointer else { throw ArgumentError("\(name) is NULL") }
  return pointer
}

func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws -> String {
  String(cString: try given(pointer, name))
}

/// The number of elements of a shape.
///
/// - Throws: `ArgumentError` where a size is negative or the product overflows.
func elementCount(_ sizes: [Int64], _ name: String) throws -> Int {
  guard let count = elementCount(sizes.map { Int($0) }) else {
    throw ArgumentError("\(name) has the impossible shape \(sizes)")
  }
  return count
}

/// Options given as JSON text; NULL: none.
func options(_ json: UnsafePointer<CChar>?, _ name: String) throws -> JSONCursor {
  let parsed = try json.map { try JSONValue(parsing: String(cString: $0), source: name) } ?? .object([:])
  return JSONCursor(parsed, source: name)
}

/// The precision of that name; float32 where none is given.
func precision(_ name: UnsafePointer<CChar>?) throws -> Precision {
  try name.map { try Precision(named: String(cString: $0)) } ?? .float32
}

func modelConfiguration(_ json: UnsafePointer<CChar>?) throws -> ModelConfiguration {
  try ModelConfiguration(json: options(json, "model options"))
}

func trainingConfiguration(_ json: UnsafePointer<CChar>?) throws -> TrainingConfiguration {
  try TrainingConfiguration(json: options(json, "training options"))
}

/// Remarks as one text, a line each; nil where there are none.
func joined(_ remarks: [String]) -> String? { remarks.isEmpty ? nil : remarks.joined(separator: "\n") }
