import CLatentMIM
import Compute
import Glibc

/// Runs the body of a C function: what it throws becomes a status and this thread's last error.
func attempt(_ body: () throws -> Void) -> lm_status {
  do {
    try body()
    return LM_OK
  } catch let error as any DescribedError {
    LastError.current.remember(error.boundedDescription, error.systemError)
    return lm_status(UInt32(error.kind.rawValue))
  } catch {
    LastError.current.remember("\(error)", nil)
    return LM_VALUE
  }
}

/// The same for a function whose result is a text.
func attempt(handingOut place: TextPlace, _ body: () throws -> String) -> lm_status {
  attempt { handOut(try body(), place) }
}

/// The same for a function whose result is a handle.
func attempt(handingOut place: HandlePlace, _ body: () throws -> AnyObject) -> lm_status {
  attempt { try handOut(body(), place) }
}

/// The same for a handle and what was noticed on the way to it.
func attempt(
  handingOut place: HandlePlace, _ remarks: TextPlace, _ body: () throws -> (AnyObject, remarks: [String])
) -> lm_status {
  attempt {
    let made = try body()
    try handOut(made.0, place)
    handOut(joined(made.remarks), remarks)
  }
}

/// What the last failed call of a thread has to say.
private final class LastError {
  private(set) var message = strdup("")
  private(set) var path: UnsafeMutablePointer<CChar>?
  private(set) var code: Int32 = 0

  deinit {
    free(message)
    free(path)
  }

  func remember(_ text: String, _ system: SystemError?) {
    free(message)
    free(path)
    message = strdup(text)
    path = system.flatMap { $0.path.withCString { strdup($0) } }
    code = system?.code ?? 0
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { Unmanaged<LastError>.fromOpaque($0!).release() }
    return key
  }()

  /// This thread's.
  static var current: LastError {
    if let kept = pthread_getspecific(key) { return Unmanaged<LastError>.fromOpaque(kept).takeUnretainedValue() }
    let new = LastError()
    pthread_setspecific(key, Unmanaged.passRetained(new).toOpaque())
    return new
  }
}

@c @implementation public func lm_last_error() -> Text { UnsafePointer(LastError.current.message) }

@c @implementation public func lm_last_errno() -> Int32 { LastError.current.code }

@c @implementation public func lm_last_path() -> Text { UnsafePointer(LastError.current.path) }

@c @implementation public func lm_text_free(_ text: UnsafeMutablePointer<CChar>?) { free(text) }
