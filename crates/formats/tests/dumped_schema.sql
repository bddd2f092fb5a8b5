FLUSH PRIVILEGES;
CREATE DATABASE hr;
CREATE DATABASE magento;
USE hr;
CREATE TABLE people (person_id INT UNSIGNED NOT NULL AUTO_INCREMENT, staff_name VARCHAR(64) NOT NULL COMMENT 'salary, iban (see finance)', dob DATE, ssn CHAR(11), iban VARCHAR(34), salary DECIMAL(10,2) DEFAULT 0.00, grade ENUM('a','b,c','salary') DEFAULT 'a', PRIMARY KEY (person_id), UNIQUE KEY iban (iban), KEY grade (grade, staff_name), CONSTRAINT adult CHECK (dob < '2010-01-01')) ENGINE=InnoDB COMMENT='who (all of them)';
CREATE TABLE changes (change_id INT AUTO_INCREMENT PRIMARY KEY, what TEXT, at DATETIME);
CREATE TABLE leavers (person_id INT PRIMARY KEY, termination_date DATE);
CREATE TABLE portal_users (user_id INT PRIMARY KEY, login VARCHAR(40), pw_hash VARCHAR(100));
CREATE VIEW directory AS SELECT p.person_id, p.staff_name, c.at FROM people p LEFT JOIN changes c ON c.change_id = p.person_id;
CREATE SQL SECURITY INVOKER VIEW richest AS SELECT d.staff_name, (SELECT MAX(salary) FROM people) AS most FROM directory d;
DELIMITER //
CREATE FUNCTION pay_of(id INT) RETURNS DECIMAL(10,2) READS SQL DATA RETURN (SELECT salary FROM people WHERE person_id = id)//
CREATE FUNCTION years(since DATE) RETURNS INT DETERMINISTIC RETURN TIMESTAMPDIFF(YEAR, since, '2026-01-01')//
CREATE FUNCTION left_at(id INT) RETURNS DATE READS SQL DATA BEGIN DECLARE found DATE; IF id > 0 THEN SELECT termination_date INTO found FROM leavers WHERE person_id = id; ELSE SET found = NULL; END IF; RETURN found; END//
CREATE PROCEDURE pay_all() BEGIN SELECT * FROM people; END//
CREATE TRIGGER people_ai AFTER INSERT ON people FOR EACH ROW INSERT INTO changes (what) VALUES (CONCAT('new ', NEW.staff_name))//
CREATE TRIGGER people_au AFTER UPDATE ON people FOR EACH ROW BEGIN
  IF NEW.salary <> OLD.salary THEN INSERT INTO changes (what, at) VALUES ('CREATE VIEW x AS SELECT 1 FROM y;', NOW()); END IF;
  CASE WHEN NEW.dob IS NULL THEN DELETE FROM leavers WHERE person_id = NEW.person_id; ELSE BEGIN END; END CASE;
END//
CREATE TRIGGER people_bd BEFORE DELETE ON people FOR EACH ROW INSERT INTO leavers SELECT OLD.person_id, CURDATE()//
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM changes WHERE at < NOW() - INTERVAL 1 YEAR//
DELIMITER ;
USE magento;
CREATE TABLE sales_order (entity_id INT PRIMARY KEY, customer_email VARCHAR(128));
CREATE TABLE sales_order_cl (version_id INT AUTO_INCREMENT PRIMARY KEY, entity_id INT);
CREATE TABLE crew (crew_id INT PRIMARY KEY, `hourly_rate` DECIMAL(8,2), KEY k (crew_id));
CREATE TABLE catalog_product_entity (entity_id INT PRIMARY KEY, sku VARCHAR(64));
CREATE VIEW `odd ``view` AS SELECT crew_id AS `from hr.changes` FROM crew;
DELIMITER //
CREATE TRIGGER order_ai AFTER INSERT ON sales_order FOR EACH ROW INSERT IGNORE INTO sales_order_cl (entity_id) VALUES (NEW.entity_id)//
DELIMITER ;
