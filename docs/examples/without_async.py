from ouc import sync

files = {"ca": "ca.pem", "cert": "plc-2.p12", "password": "example"}
with sync.connect("127.0.0.1", 2000, **files, check_address=False, timeout=10) as connection:
    connection.send(b"what is new?", timeout=10)
    print(connection.receive(9, timeout=10))
