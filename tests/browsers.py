"""User-Agents as browsers, apps and libraries send them, and what is to be read from them."""

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit"
LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
WEBVIEW = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"

# User-Agent, browser, its version, system, its version, device, mobile.
BROWSERS: list[tuple[str, str, str, str, str, str, bool]] = [
    (WINDOWS, "Google Chrome", "124", "Windows", "10", "", False),
    (f"{WINDOWS} Edg/124.0.2478.51", "Microsoft Edge", "124", "Windows", "10", "", False),
    (f"{WINDOWS} OPR/110.0.0.0", "Opera", "110", "Windows", "10", "", False),
    (f"{WINDOWS} Vivaldi/6.7.3329.17", "Vivaldi", "6", "Windows", "10", "", False),
    (f"{WINDOWS[:-15]} YaBrowser/24.4.0.0 Safari/537.36", "YaBrowser", "24", "Windows", "10", "", False),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0", "Firefox", "125", "Windows", "10", "", False),
    ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "IE", "11", "Windows", "7", "", False),
    (WINDOWS.replace("NT 10.0", "NT 6.3"), "Google Chrome", "124", "Windows", "8.1", "", False),
    (f"{MAC}/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15", "Safari", "17", "macOS", "10.15.7", "", False),
    (f"{MAC}/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36", "Google Chrome", "124", "macOS", "10.15.7", "", False),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:125.0) Gecko/20100101 Firefox/125.0", "Firefox", "125", "macOS", "10.15", "", False),
    (LINUX, "Google Chrome", "124", "Linux", "", "", False),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "Firefox", "125", "Linux", "", "", False),
    ("Mozilla/5.0 (X11; Fedora; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "Firefox", "125", "Linux", "", "", False),
    (LINUX.replace("Linux x86_64", "CrOS x86_64 14541.0.0"), "Google Chrome", "124", "Chrome OS", "14541.0.0", "", False),
    (f"{IPHONE} Version/17.4.1 Mobile/15E148 Safari/604.1", "Safari", "17", "iOS", "17.4.1", "iPhone", True),
    (f"{IPHONE} CriOS/124.0.6367.88 Mobile/15E148 Safari/604.1", "Google Chrome", "124", "iOS", "17.4.1", "iPhone", True),
    (f"{IPHONE} FxiOS/125.0 Mobile/15E148 Safari/605.1.15", "Firefox iOS", "125", "iOS", "17.4.1", "iPhone", True),
    (f"{IPHONE} Version/17.0 EdgiOS/124.0.2478.50 Mobile/15E148 Safari/604.1", "Microsoft Edge", "124", "iOS", "17.4.1", "iPhone", True),
    (f"{IPHONE} Version/17.4 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", "DuckDuckGo", "7", "iOS", "17.4.1", "iPhone", True),
    (
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        "Safari", "16", "iOS", "16.6", "iPad", False,
    ),
    # An iPad that asks for desktop pages: in Safari it cannot be told from a Mac, in others it can.
    (f"{MAC}/605.1.15 (KHTML, like Gecko) CriOS/124.0 Mobile/15E148 Safari/604.1", "Google Chrome", "124", "iOS", "", "iPad", False),
    (f"{ANDROID} Chrome/124.0.0.0 Mobile Safari/537.36", "Google Chrome", "124", "Android", "10", "", True),
    (f"{ANDROID} Chrome/124.0.0.0 Safari/537.36", "Google Chrome", "124", "Android", "10", "", False),
    (f"{ANDROID} Chrome/124.0.0.0 Mobile Safari/537.36 EdgA/124.0.0.0", "Microsoft Edge", "124", "Android", "10", "", True),
    (f"{ANDROID} Chrome/124.0.0.0 Mobile Safari/537.36 OPR/81.0.0.0", "Opera", "81", "Android", "10", "", True),
    (f"{ANDROID} SamsungBrowser/24.0 Chrome/117.0.0.0 Mobile Safari/537.36", "Samsung Internet", "24", "Android", "10", "", True),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-X906C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
        "Google Chrome", "124", "Android", "13", "Samsung SM-X906C", False,
    ),
    ("Mozilla/5.0 (Android 13; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0", "Firefox Mobile", "125", "Android", "13", "", True),
    ("Mozilla/5.0 (Android 13; Tablet; rv:125.0) Gecko/125.0 Firefox/125.0", "Firefox Mobile", "125", "Android", "13", "", False),
    # In apps.
    (f"{WEBVIEW} Chrome/124.0.6367.82 Mobile Safari/537.36", "Android WebView", "124", "Android", "14", "Pixel 8", True),
    (f"{WEBVIEW} Chrome/124.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/460.0;]", "Facebook", "460", "Android", "14", "Pixel 8", True),
    (f"{IPHONE} Mobile/15E148 Instagram 329.0.0.29.120 (iPhone14,5; iOS 17_4)", "Instagram", "329", "iOS", "17.4.1", "iPhone", True),
    (f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.48(0x18003030) NetType/WIFI", "WeChat Browser", "8", "iOS", "17.4.1", "iPhone", True),
    (f"{WINDOWS.replace('Chrome', 'Electron/30.0.0 Chrome')} Slack/4.38", "Electron", "30", "Windows", "10", "", False),
    # How servers send events.
    ("curl/8.4.0", "curl", "8", "", "", "", False),
    ("python-requests/2.31.0", "Python Requests", "2", "", "", "", False),
    ("okhttp/4.12.0", "okhttp", "4", "", "", "", False),
    ("Go-http-client/2.0", "Go-http-client", "2", "", "", "", False),
    ("Java/17.0.1", "Java", "17", "", "", "", False),
    ("grpc-python/1.60.0 grpc-c/38.0.0 (linux; chttp2)", "", "", "Linux", "", "", False),
]  # fmt: skip
